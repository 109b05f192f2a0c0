"""What a process may take: the container's limit where there is one, never more than the machine has."""

from pathlib import Path

import pytest

from runtime.memory_limit import memory_limit_bytes

MIB = 1_048_576


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
def test_a_containers_limit_is_told_in_either_version(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(f"{64 * MIB}\n")

    assert memory_limit_bytes(tmp_path) == 64 * MIB


@pytest.mark.parametrize("text", ["max\n", "9223372036854771712\n"])
def test_no_limit_is_the_machines_memory(tmp_path: Path, text: str) -> None:
    (tmp_path / "memory.max").write_text(text)

    assert memory_limit_bytes(tmp_path) == memory_limit_bytes(tmp_path / "nowhere") > 64 * MIB
