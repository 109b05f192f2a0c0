"""`avenue registry …` and `avenue key …` against a cluster of their own."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
import typer
from typer.testing import CliRunner, Result

from avenue.commands import key, registry
from avenue.embedded.broker import Broker
from avenue.run_file import RunFile
from registry.file import check_registry, load_registry
from registry.follower import RegistryFollower
from registry.key_uses import KeyUses, KeyUseWriter
from registry.secret_uses import SecretUses
from registry.secrets import SecretResolver
from runtime.settings import KafkaSettings, Settings
from schemas.registry import epoch_ms
from schemas.timing import HOUR_MS
from tests.support.paths import EXAMPLE_REGISTRY

pytestmark = pytest.mark.kafka
BROKER_READY_S = 60


@pytest.fixture(scope="module")
def broker(kafka_jars: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Return a cluster that only this module sees: the commands know no prefix."""
    broker = Broker(tmp_path_factory.mktemp("commands") / "kafka", heap_mb=256)
    broker.prepare()
    broker.start()
    broker.wait_ready(BROKER_READY_S)
    yield broker
    broker.kill()


@pytest.fixture
def home(broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the home folder of a stack that runs: this process stands for it."""
    monkeypatch.delenv("AVENUE_KAFKA__BOOTSTRAP", raising=False)
    monkeypatch.chdir(tmp_path)
    # The master key of one stack stays the same.
    folder = broker.log.parent / "home"
    folder.mkdir(exist_ok=True)
    run_file(folder, broker.bootstrap).write()
    yield folder
    structlog.reset_defaults()


def run_file(folder: Path, bootstrap: str) -> RunFile:
    """Return what a running stack leaves in its home."""
    return RunFile(
        pid=os.getpid(),
        url="http://127.0.0.1:1",
        ops_url="http://127.0.0.1:2",
        kafka_bootstrap=bootstrap,
        home=folder,
        operator_key="none",
        started_at=datetime.now(UTC),
    )


def avenue(*words: str | Path) -> Result:
    """Run `avenue` with *words*."""
    app = typer.Typer()
    registry.register(app)
    key.register(app)
    return CliRunner().invoke(app, [str(word) for word in words])


def answer(*words: str | Path) -> dict[str, object]:
    """Run `avenue` with *words* and `--json`; return its answer."""
    result = avenue(*words, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.stdout)
    return found


def test_a_plan_an_apply_and_the_registry_in_force(home: Path, tmp_path: Path) -> None:
    edited = tmp_path / "edited.toml"
    edited.write_text(EXAMPLE_REGISTRY.read_text().replace("metre = 17", "metre = 16"))
    avenue("registry", "apply", EXAMPLE_REGISTRY, "--home", home)

    plan = avenue("registry", "plan", edited, "--home", home)
    applied = avenue("registry", "apply", edited, "--home", home)
    shown = avenue("registry", "show", "--home", home)

    assert "    metre: 17.0 → 16.0" in plan.stdout.splitlines()
    assert "! placement p-017 stands since" in plan.stdout
    version = applied.stdout.splitlines()[-1].split()[1]
    assert applied.stdout.splitlines()[-1] == f"version {version} is in force"
    assert shown.stdout.startswith(f"# version {version}\n")
    assert check_registry(shown.stdout.encode()).registry == check_registry(edited.read_bytes()).registry


def test_programs_read_json(home: Path) -> None:
    applied = answer("registry", "apply", EXAMPLE_REGISTRY, "--home", home)
    shown = answer("registry", "show", "--home", home)

    assert shown["version"] == applied["version"]
    assert answer("registry", "plan", EXAMPLE_REGISTRY, "--home", home)["changes"] == []


def test_a_file_with_faults_is_not_applied_and_ends_with_1(home: Path, tmp_path: Path) -> None:
    before = answer("registry", "apply", EXAMPLE_REGISTRY, "--home", home)["version"]
    faulty = tmp_path / "faulty.toml"
    faulty.write_text(
        EXAMPLE_REGISTRY.read_text().replace("metre = 17", "metre = 1700").replace("side = ", "sid = ", 1)
    )

    results = [avenue("registry", command, faulty, "--home", home) for command in ("check", "plan", "apply")]

    assert [result.exit_code for result in results] == [1, 1, 1]
    for result in results:
        assert f'{faulty}:81: placements "p-017", metre: 1700 m is beyond' in result.stdout
        assert result.stdout.splitlines()[-1] == "3 problems; nothing was changed"
    assert answer("registry", "show", "--home", home)["version"] == before


def test_a_doubt_about_a_sound_file_is_told_and_no_fault(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "doubtful.toml"
    file.write_text(
        EXAMPLE_REGISTRY.read_text().replace('products = ["neuro-band", "emg-arm"]', 'products = ["emg-arm"]')
    )

    told = avenue("registry", "check", file, "--home", home)
    found = answer("registry", "check", file, "--home", home)

    assert told.exit_code == 0
    assert f'{file}:79: warning: placements "p-017", account: account `sunmi-main` may not name' in told.stdout
    assert told.stdout.splitlines()[-1].startswith(f"{file} is sound")
    assert found["problems"] == []
    warnings = found["warnings"]
    assert isinstance(warnings, list)
    assert [warning["line"] for warning in warnings] == [79, 91]


def test_a_key_is_shown_once_as_the_last_line_and_listed_without_itself(home: Path) -> None:
    answer("registry", "apply", EXAMPLE_REGISTRY, "--home", home)
    issued = avenue("key", "issue", "--scope", "account:sunmi-main", "--expires", "90d", "--home", home)
    secret = issued.stdout.splitlines()[-1]

    listed = avenue("key", "list", "--home", home)

    assert issued.exit_code == 0
    assert secret.startswith("avk_a")
    assert "account:sunmi-main" in listed.stdout
    assert secret not in listed.stdout


def test_secrets_are_listed_by_reference_with_the_hour_of_their_last_use(home: Path, broker: Broker) -> None:
    answer("registry", "apply", EXAMPLE_REGISTRY, "--home", home)
    account = next(one for one in load_registry(EXAMPLE_REGISTRY).accounts if one.secrets)
    flow, references = next(iter(account.secrets.items()))
    uses, hour_ms = KeyUses(), 495_000 * HOUR_MS
    resolver = SecretResolver({})
    value, _ = resolver.value_of(references[0])
    assert value is not None
    SecretUses(resolver, lambda: uses).note(account, flow, value, hour_ms + 5)
    writer = KeyUseWriter(KafkaSettings(bootstrap=broker.bootstrap), uses)
    writer.write()
    writer.stop()

    listed = avenue("key", "secrets", "--home", home, "--json")

    found = json.loads(listed.stdout)
    used = [one for one in found if one["last_used_hour"]]
    assert len(found) > 1
    assert [(one["account"], one["flow"], one["last_used_hour"]) for one in used] == [
        (account.id, flow, datetime.fromtimestamp(hour_ms / 1000, UTC).isoformat(timespec="seconds"))
    ]
    assert value.decode() not in listed.stdout


def test_a_key_is_valid_for_a_follower_until_it_is_revoked(home: Path, broker: Broker) -> None:
    answer("registry", "apply", EXAMPLE_REGISTRY, "--home", home)
    now = datetime.now(UTC)
    issued = answer("key", "issue", "--scope", "startup:limbus", "--expires", "1d", "--home", home)
    key_id, secret = str(issued["id"]), str(issued["key"])
    revoked = [answer("key", "revoke", key_id, "--home", home) for _ in range(2)]

    follower = RegistryFollower(Settings(kafka=KafkaSettings(bootstrap=broker.bootstrap)))
    follower.start(20)
    follower.stop()

    assert sorted(issued) == ["expires_at", "id", "key", "scope"]
    assert now + timedelta(hours=23) < datetime.fromisoformat(str(issued["expires_at"])) < now + timedelta(hours=25)
    assert revoked[0] == revoked[1]
    assert secret.startswith("avk_s")
    assert follower.directory.key_of(secret, now_ms=epoch_ms(now)) is None
    assert any(kept.id == key_id and kept.revoked_at for kept in follower.directory.keys.values())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("key", "issue", "--scope", "account:nobody"), "no account 'nobody'; known are aihuishou-main"),
        (("key", "issue", "--scope", "root"), "is no scope"),
        (("key", "issue", "--scope", "operator", "--expires", "soon"), "write 90d"),
        (("key", "revoke", "avk_oHUNTER"), "there is no key of this id"),
        (("registry", "check", "nothing.toml"), "cannot be read"),
        (("registry", "check"), "Missing argument"),
    ],
)
def test_what_is_used_wrongly_ends_with_2_and_changes_nothing(home: Path, words: tuple[str, ...], message: str) -> None:
    answer("registry", "apply", EXAMPLE_REGISTRY, "--home", home)
    before = avenue("key", "list", "--home", home).stdout

    result = avenue(*words, "--home", home)

    assert result.exit_code == 2
    assert message in result.output
    assert "HUNTER" not in result.output
    assert avenue("key", "list", "--home", home).stdout == before


def test_without_a_cluster_the_next_step_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AVENUE_KAFKA__BOOTSTRAP", raising=False)

    result = avenue("key", "list", "--home", tmp_path)
    structlog.reset_defaults()

    assert result.exit_code == 1
    assert "start it with `avenue up`" in result.output
