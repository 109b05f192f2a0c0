"""The home folder, a child's log and its health, without processes."""

import os
import stat
from pathlib import Path

import httpx
import pytest

from avenue.client.store_access import store_of
from avenue.embedded.children import RoleChild, bound_log, report_of
from avenue.embedded.home import FOLDERS, HomeFolder, owner_of, started
from avenue.embedded.process import ChildProcess
from avenue.embedded.supervisor import ChildCondition
from avenue.run_file import RunFile, read_run_file
from runtime.errors import ConfigurationError, UnavailableError
from runtime.settings import Settings


def test_a_home_has_one_owner_at_a_time(tmp_path: Path) -> None:
    first, second = HomeFolder(tmp_path / "home"), HomeFolder(tmp_path / "home")
    first.open()

    with pytest.raises(ConfigurationError, match=rf"another `avenue up` \(pid {os.getpid()}\) runs on"):
        second.open()

    first.close()
    second.open()
    second.close()


def test_others_may_not_look_into_a_home_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        home = HomeFolder(tmp_path / "new")
        home.open()
        home.close()
    finally:
        os.umask(before)

    made = [tmp_path / "new", *(path for path in (tmp_path / "new").iterdir() if path.is_dir())]
    assert {path.name for path in made} == {"new", "clickhouse", "kafka", "logs", "reports"}
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in made} == {path.name: 0o700 for path in made}


def test_folders_that_an_earlier_version_left_open_are_closed_at_the_next_start(tmp_path: Path) -> None:
    for name in FOLDERS:
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o755)

    home = HomeFolder(tmp_path)
    home.open()
    home.close()

    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in FOLDERS} == {0o700}


def test_who_owns_a_home_can_be_asked_without_taking_it(tmp_path: Path) -> None:
    home = HomeFolder(tmp_path / "home")
    before = owner_of(home.path)

    home.open()
    owner = owner_of(home.path)
    home.close()

    assert (before, owner, owner_of(home.path)) == (None, str(os.getpid()), None)
    home.open()
    home.close()


def test_a_store_that_a_stack_is_about_to_open_is_left_to_it(tmp_path: Path) -> None:
    (tmp_path / "clickhouse").mkdir()
    home = HomeFolder(tmp_path)
    home.open()

    with (
        pytest.raises(
            UnavailableError, match=rf"`avenue up` \(pid {os.getpid()}\) starts or ends on {tmp_path}; try again"
        ),
        store_of(Settings(home=tmp_path)),
    ):
        pass

    home.close()


def test_a_process_that_took_the_number_of_a_former_child_is_left_alone(tmp_path: Path) -> None:
    home = HomeFolder(tmp_path)
    home.note_children({"worker": os.getpid()})
    noted = (tmp_path / "children.json").read_text()
    (tmp_path / "children.json").write_text(noted.replace(str(started(os.getpid())), "1"))

    assert home.end_orphans() == []


@pytest.mark.parametrize(
    ("state", "condition"),
    [
        ({"ready": True, "dependencies": {}}, ChildCondition.READY),
        ({"ready": False, "dependencies": {"kafka": {"ok": False, "detail": "no answer"}}}, ChildCondition.UNREADY),
        ({"ready": False, "dependencies": {"progress": {"ok": False, "detail": "stuck: 40 s"}}}, ChildCondition.STUCK),
        ({"ready": False, "dependencies": {"progress": {"ok": True, "detail": "stuck"}}}, ChildCondition.UNREADY),
        ({}, ChildCondition.UNREADY),
    ],
)
def test_health_is_read_as_the_role_means_it(state: dict[str, object], condition: ChildCondition) -> None:
    assert report_of(state).condition is condition


def test_a_long_log_is_kept_once_and_begun_again(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text("x" * 1000)

    bound_log(log, 1001)
    assert log.stat().st_size == 1000

    bound_log(log, 1000)
    assert log.stat().st_size == 0
    assert (tmp_path / "worker.log.1").stat().st_size == 1000


def test_the_run_file_of_a_process_that_is_gone_counts_as_none(tmp_path: Path) -> None:
    run = RunFile.model_validate(
        {
            "pid": os.getpid(),
            "url": "http://127.0.0.1:1",
            "ops_url": "http://127.0.0.1:2",
            "kafka_bootstrap": "127.0.0.1:3",
            "home": tmp_path,
            "operator_key": "k",
            "started_at": "2026-11-22T10:00:00+08:00",
        }
    )
    run.write()
    assert read_run_file(tmp_path) == run

    run.model_copy(update={"pid": 2**22 + 1}).write()
    assert read_run_file(tmp_path) is None


def test_an_answer_of_another_process_is_not_taken_for_the_child_s(monkeypatch: pytest.MonkeyPatch) -> None:
    child = ChildProcess("server", ["true"], log=Path("unused.log"))
    part = RoleChild(child, environ={}, ops_url="http://127.0.0.1:1", log_mb=1)
    answer = httpx.Response(200, json={"ready": True, "dependencies": {}, "pid": 4711})
    monkeypatch.setattr(httpx, "get", lambda *_args, **_options: answer)

    report = part.probe()

    assert report.condition is ChildCondition.SILENT
    assert "answered by another process (pid 4711)" in report.detail
