"""The command line as its user meets it where no stack runs: help, misspelt words and settings, faulty files."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from avenue.__main__ import build
from tests.support.paths import ROOT

SOUND = ROOT / "tests" / "data" / "registry.toml"
AVENUE = [sys.executable, "-P", "-m", "avenue"]
COMMAND_S = 60.0
Run = Callable[..., "subprocess.CompletedProcess[str]"]

HOLD_STORE = """
import sys
from pathlib import Path
from runtime.clickhouse import ClickHouse
from runtime.settings import ClickHouseSettings

store = ClickHouse(ClickHouseSettings(), path=Path(sys.argv[1]))
store.writer()
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def avenue(tmp_path: Path) -> Run:
    """Return `avenue(*words, **environ)`: the command in an empty folder, with nothing set."""

    def run(*words: str | Path, **environ: str) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [*AVENUE, *map(str, words)],
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
            cwd=tmp_path,
            env=plain_environ() | environ,
        )
        assert "Traceback" not in done.stdout + done.stderr
        return done

    return run


def plain_environ() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AVENUE_")}
    return kept | {"PYTHONPATH": str(ROOT)}


def commands(group: Any = None, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command with the words that lead to it; a group's default one needs no word of its own."""
    whole: Any = group or typer.main.get_command(build())
    for name, command in whole.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        elif not command.hidden:
            yield words if name == getattr(whole, "default", None) else (*words, name), command


def examples(command: Any) -> list[list[str]]:
    """Return the lines of a command's help that a reader would copy, as a shell would split them."""
    lines = [line.strip() for line in (command.epilog or "").splitlines()]
    copied = [re.sub(r"^(?:[A-Z_]+=\S+ )+", "", line) for line in lines]
    return [shlex.split(re.split(" [<>] ", line)[0]) for line in copied if line.startswith("avenue ")]


@pytest.mark.parametrize("words", [pytest.param(words, id=" ".join(words)) for words, _ in commands()])
def test_the_help_of_every_command_has_an_example_that_parses(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "registry.toml").write_bytes(SOUND.read_bytes())
    command = dict(commands())[words]

    found = examples(command)

    # A group's default command shows its siblings' examples, too; those are tried as theirs.
    siblings = {other[-1] for other, _ in commands() if other[:-1] == words}
    of_this = [line for line in found if not siblings.intersection(line[1 + len(words) :][:1])]
    assert of_this
    for line in of_this:
        assert tuple(line[1 : 1 + len(words)]) == words
        context = command.make_context(line[0], line[1 + len(words) :])
        assert context.params
        assert not context.args
    assert command.help


def test_help_is_printed_whole_and_ends_with_0(avenue: Run) -> None:
    done = avenue("key", "issue", "--help")

    assert done.returncode == 0
    assert "      avenue key issue --scope account:sunmi-main --expires 90d" in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("sqll", "SELECT 1"), "Did you mean 'sql'?"),
        (("reconcile", "--tral", "x"), "Possible options: --trial"),
        (("sql",), "Missing argument 'QUERY'"),
        (("report", "x", "--format", "docx"), "'docx' is not one of 'html', 'pdf', 'json', 'xlsx'"),
        (("rejects", "list", "--limit", "many"), "'--limit': Input should be a valid integer"),
        (("up", "--port", "70000"), "'--port': Input should be less than or equal to 65535"),
        (("simulate", "--url", "http://127.0.0.1:9", "--registry", "none.toml"), "'none.toml' does not exist"),
        (("registry", "check", "none.toml"), "none.toml cannot be read: No such file or directory"),
        (("send", "none.ndjson", "--url", "http://127.0.0.1:9", "--key", "k"), "none.ndjson cannot be read"),
    ],
)
def test_a_wrong_word_option_or_value_ends_with_2_and_names_it(avenue: Run, words: tuple[str, ...], told: str) -> None:
    done = avenue(*words)

    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


@pytest.mark.parametrize("words", [("sql", "SELECT 1"), ("up",), ("worker",), ("doctor",), ("topics", "list")])
def test_a_misspelt_setting_is_named_with_the_nearest_real_one(avenue: Run, words: tuple[str, ...]) -> None:
    done = avenue(*words, AVENUE_SINK__BATCH_ROW="3")

    assert "AVENUE_SINK__BATCH_ROW is no setting; did you mean AVENUE_SINK__BATCH_ROWS?" in done.stdout + done.stderr
    # The doctor has found a problem; everybody else has been used wrongly.
    assert done.returncode == (1 if words == ("doctor",) else 2)


def test_every_wrong_setting_is_named_at_once_wherever_it_stands(avenue: Run, tmp_path: Path) -> None:
    (tmp_path / "avenue.toml").write_text('[http]\nprot = 1\n[kafka]\nheap_mb = "much"\n')

    done = avenue("sql", "SELECT 1", AVENUE_LOG__LEVEL="LOUD")

    assert done.returncode == 2
    assert [line.partition(" ")[0].rstrip(":") for line in sorted(done.stderr.splitlines())] == [
        "AVENUE_HTTP__PROT",
        "AVENUE_KAFKA__HEAP_MB",
        "AVENUE_LOG__LEVEL",
    ]


@pytest.mark.parametrize(
    "words",
    [
        ("sql", "SELECT 1"),
        ("reconcile",),
        ("reconcile", "--json"),
        ("report", "neuro-band-demo"),
        ("rejects", "list"),
        ("rejects", "show", "r-1"),
        ("key", "issue", "--scope", "operator"),
        ("key", "list", "--json"),
        ("key", "revoke", "k-1"),
        ("registry", "show"),
        ("topics", "list"),
    ],
)
def test_with_no_stack_it_says_so_and_how_to_start_one(avenue: Run, tmp_path: Path, words: tuple[str, ...]) -> None:
    done = avenue(*words)

    assert (done.returncode, done.stdout) == (1, "")
    assert f"nothing runs on {tmp_path / '.avenue'}" in done.stderr
    assert "start it with `avenue up`" in done.stderr
    assert not (tmp_path / ".avenue").exists()


def test_the_doctor_without_a_stack_names_the_next_step(avenue: Run) -> None:
    told = avenue("doctor")
    found = avenue("doctor", "--json")

    assert (told.returncode, found.returncode) == (1, 1)
    assert told.stdout.splitlines()[-1] == "first broken: home. Next step: start the stack: avenue up"
    assert json.loads(found.stdout)["first_broken"] == "home"


TEN_FAULTS = {
    'timezone = "Asia/Shanghai"': 'timezone = "Asia/Shangai"',
    'product = "emg-arm"': 'product = "emg-am"',
    'startup = "limbus"': 'startup = "limbo"',
    'primary_metric = "duration_p50"': 'primary_metric = "duration_p51"',
    'guardrails = ["success_rate"]': 'guardrails = ["succes_rate"]',
    'platform = "bilibili"': 'platform = "billibilli"',
    'secrets = { waimai = ["plain:mt_test_secret"]': 'secrets = { waimai = ["pain:mt_test_secret"]',
    "metre = 17": "metre = 1700",
    'id = "calmwave"': 'id = "Calm Wave"',
    'arms = ["pilot"]': "arms = []",
}


def test_ten_faults_of_a_registry_file_are_told_in_one_go_each_with_its_line(avenue: Run, tmp_path: Path) -> None:
    text, lines = SOUND.read_text(), set()
    for sound, faulty in TEN_FAULTS.items():
        assert sound in text
        lines.add(text[: text.index(sound)].count("\n") + 1)
        text = text.replace(sound, faulty, 1)
    file = tmp_path / "faulty.toml"
    file.write_text(text)

    told = avenue("registry", "check", file)
    found = avenue("registry", "check", file, "--json")

    assert (told.returncode, found.returncode) == (1, 1)
    problems = json.loads(found.stdout)["problems"]
    assert lines <= {problem["line"] for problem in problems}
    assert [line.split(": ")[0] for line in told.stdout.splitlines()[:-1]] == [f"{file}:{p['line']}" for p in problems]
    assert told.stdout.splitlines()[-1] == f"{len(problems)} problems; nothing was changed"
    assert "mt_test_secret" not in told.stdout + found.stdout


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"[[products]\nid =", b"avenue = 7", b"{}"])
def test_a_file_that_is_no_registry_is_a_problem_in_words(avenue: Run, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "odd.toml"
    file.write_bytes(content)

    done = avenue("registry", "check", file)

    assert done.returncode == 1
    assert done.stdout.startswith(f"{file}:1: ") or done.stdout.startswith(f"{file}:2: ")


def test_up_refuses_a_faulty_registry_before_it_starts_anything(avenue: Run, tmp_path: Path) -> None:
    file = tmp_path / "faulty.toml"
    file.write_text(SOUND.read_text().replace("metre = 17", "metre = 1700"))

    done = avenue("up", "--registry", file)

    assert (done.returncode, done.stdout) == (2, "")
    assert "1700 m is beyond" in done.stderr
    assert not (tmp_path / ".avenue").exists()


@pytest.fixture
def held_store(tmp_path: Path) -> Iterator[Path]:
    """Return a home whose ClickHouse folder another process has open."""
    home = tmp_path / "held"
    holder = subprocess.Popen(
        [sys.executable, "-P", "-c", HOLD_STORE, str(home / "clickhouse")],
        env=plain_environ(),
        cwd=tmp_path,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        yield home
        holder.kill()


def test_a_store_that_another_process_has_open_is_named_with_the_way_out(avenue: Run, held_store: Path) -> None:
    done = avenue("sql", "SELECT 1", AVENUE_HOME=str(held_store))

    assert (done.returncode, done.stdout) == (2, "")
    # The engine says something itself before.
    assert re.fullmatch(
        rf"the ClickHouse folder {held_store}/clickhouse is open in another process \(pid: \d+\); "
        "stop the other `avenue`, or set AVENUE_HOME to another folder",
        done.stderr.splitlines()[-1],
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("rejects list --reason unknown_placment", "did you mean unknown_placement?"),
        ("rejects replay --reason everything", "Known are: malformed, not_an_object, "),
        ("rejects replay --url gateway.example.com", "--url is the gateway's address"),
        ("rejects replay r-1", "unexpected extra argument"),
        ("rejects replay --reson malformed", "--reason"),
        ("rejects replay --limit 0", "--limit"),
        ("rejects lst", "list"),
        ("rejects show", "ID"),
    ],
)
def test_rejects_asked_for_wrongly_are_told_before_anything_is_opened(avenue: Run, words: str, told: str) -> None:
    done = avenue(*words.split())

    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


def test_a_replay_without_a_running_stack_says_to_start_one(avenue: Run, tmp_path: Path) -> None:
    (tmp_path / "home" / "clickhouse").mkdir(parents=True)

    with_store = avenue("rejects", "replay", AVENUE_HOME=str(tmp_path / "home"))
    without = avenue("rejects", "replay", AVENUE_KEY="avk_o")

    assert (with_store.returncode, without.returncode) == (1, 1)
    assert "a replay needs the running stack" in with_store.stderr
    assert "start it with `avenue up`" in with_store.stderr
    assert "start it with `avenue up`" in without.stderr
