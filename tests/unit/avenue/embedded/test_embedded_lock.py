"""The lock file of the embedded broker: complete, fresh, and free of places."""

import hashlib
import re
import tomllib
from pathlib import Path

import pytest

from avenue.embedded.jars import LOCK, SPEC, locked_jars
from runtime.errors import ConfigurationError


@pytest.fixture(scope="module")
def lock() -> dict[str, list[dict[str, str]]]:
    return tomllib.loads(LOCK.read_text())


def test_every_jar_is_locked_by_its_sha256(lock: dict[str, list[dict[str, str]]]) -> None:
    assert lock["dependencies"]
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar["sha256"]) for jar in lock["dependencies"])


def test_the_lock_belongs_to_the_coordinates_beside_it(lock: dict[str, dict[str, str]]) -> None:
    # jgo's own way to tell a stale lock: `python -m avenue.embedded.jars` writes it anew.
    assert lock["metadata"]["spec_hash"] == hashlib.sha256(SPEC.read_bytes()).hexdigest()[:16]


def test_all_of_kafka_is_of_one_version(lock: dict[str, list[dict[str, str]]]) -> None:
    versions = {jar["version"] for jar in lock["dependencies"] if jar["groupId"] == "org.apache.kafka"}

    assert versions == {"4.4.0"}


def test_the_lock_names_no_place() -> None:
    text = LOCK.read_text()

    assert text.startswith("[metadata]")
    assert "://" not in text
    assert str(Path.home()) not in text


def test_a_jar_with_another_sum_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = LOCK.read_text().replace('sha256 = "', 'sha256 = "0', 1).replace("\n\n[[", "\n\n[[", 1)
    (tmp_path / "lock.toml").write_text(wrong)
    monkeypatch.setenv("M2_REPO", str(tmp_path / "m2"))
    monkeypatch.setenv("JGO_CONFIG_FILE", str(tmp_path / "none.conf"))
    monkeypatch.setattr("jgo.maven.PythonResolver.download", _download_something)

    with pytest.raises(ConfigurationError, match="its SHA-256 is not the locked one"):
        locked_jars(progress=lambda _line: None, cache=tmp_path / "cache", lock_file=tmp_path / "lock.toml")

    assert not list((tmp_path / "cache").rglob("*.jar"))


def _download_something(_resolver: object, artifact: object) -> Path:
    path: Path = artifact.cached_path  # type: ignore[attr-defined] # jgo has no types
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"not the jar")
    return path
