"""Frozen reports as files: one that is there is never written over by another's."""

from pathlib import Path

import pytest

from avenue.client.frozen import FrozenFiles, write_frozen
from runtime.errors import ConfigurationError

FIRST = FrozenFiles("r-1", b"report one", b"extract one")


@pytest.mark.parametrize("again", ["a.pdf", "a.json"], ids=["the same file", "another form beside it"])
def test_a_second_report_leaves_the_first_and_its_extract_alone(tmp_path: Path, again: str) -> None:
    written = write_frozen(tmp_path / "a.pdf", FIRST)

    with pytest.raises(ConfigurationError, match=r"is of another report.*report r-2 is frozen.*-o"):
        write_frozen(tmp_path / again, FrozenFiles("r-2", b"report two", b"extract two"))

    assert [path.read_bytes() for path in written] == [b"report one", b"extract one"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.extract.parquet", "a.pdf"]


def test_another_form_of_the_same_report_stands_beside_the_one_extract(tmp_path: Path) -> None:
    write_frozen(tmp_path / "a.pdf", FIRST)

    written = write_frozen(tmp_path / "a.json", FrozenFiles("r-1", b"{}", b"extract one"))

    assert [path.read_bytes() for path in written] == [b"{}", b"extract one"]
    assert write_frozen(tmp_path / "a.pdf", FIRST)[0].read_bytes() == b"report one"
