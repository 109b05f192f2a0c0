"""The verdicts beside a file that is sent: what is done is not sent again, what was cut short is."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avenue.sending.lines import batches, numbered
from avenue.sending.verdict_file import VerdictFile
from runtime.errors import ConfigurationError

FILE = [b'{"n":%d}\n' % number for number in range(1, 11)]
SUMS = {"accepted": 2, "duplicate": 1, "rejected": 0}


def sent(path: Path, count: int, size: int = 3) -> None:
    """Send the first *count* batches of *size*."""
    verdicts = VerdictFile.started(path)
    for batch in list(batches(numbered(FILE), max_events=size))[:count]:
        verdicts.not_accepted({"line": batch.lines[0].number, "verdict": "duplicate"})
        verdicts.done(batch, SUMS)
    verdicts.file.close()


def left(path: Path, file: list[bytes]) -> list[int]:
    verdicts = VerdictFile.resumed(path)
    with verdicts.file:
        return [line.number for line in verdicts.left(numbered(file))]


def test_what_has_its_verdicts_is_not_sent_again(tmp_path: Path) -> None:
    sent(tmp_path / "v", 2)

    assert left(tmp_path / "v", FILE) == [7, 8, 9, 10]
    assert left(tmp_path / "v", [*FILE, b"{}\n"]) == [7, 8, 9, 10, 11]  # a file may have grown since


def test_a_file_that_is_done_has_nothing_left(tmp_path: Path) -> None:
    sent(tmp_path / "v", 4)

    assert left(tmp_path / "v", FILE) == []


@given(st.data())
def test_wherever_it_was_cut_off_it_goes_on_after_the_last_whole_batch(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("cut") / "v"
    sent(path, 3)
    whole = path.read_bytes()
    ends = [n + 1 for n, byte in enumerate(whole) if byte == ord("\n")][1::2]  # each second line is of a batch
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])

    done = sum(end <= cut for end in ends)

    assert left(path, FILE) == list(range(3 * done + 1, 11))
    assert path.read_bytes() == whole[: ends[done - 1] if done else 0]  # what was cut short is gone


def test_a_batch_without_verdicts_is_left_for_the_next_run(tmp_path: Path) -> None:
    verdicts = VerdictFile.started(tmp_path / "v")
    first, second, third, _ = batches(numbered(FILE), max_events=3)
    verdicts.done(first, SUMS)
    verdicts.not_accepted({"line": 4})
    verdicts.left_out()
    verdicts.done(third, SUMS)
    verdicts.file.close()

    assert second.lines[0].number == 4
    assert left(tmp_path / "v", FILE) == [4, 5, 6, 10]
    assert "4" not in [str(json.loads(line).get("line")) for line in (tmp_path / "v").read_bytes().splitlines()]


@pytest.mark.parametrize(
    "changed", [[b"{}\n", *FILE[1:]], FILE[:5], FILE[1:]], ids=["another line", "cut short", "a line less"]
)
def test_a_file_that_has_changed_since_is_not_gone_on_with(tmp_path: Path, changed: list[bytes]) -> None:
    sent(tmp_path / "v", 2)

    with pytest.raises(ConfigurationError, match="the file has changed"):
        left(tmp_path / "v", changed)


def test_without_verdicts_there_is_nothing_to_go_on_with(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="send without --resume"):
        VerdictFile.resumed(tmp_path / "v")


def test_a_run_from_the_start_begins_the_verdicts_anew(tmp_path: Path) -> None:
    sent(tmp_path / "v", 2)
    VerdictFile.started(tmp_path / "v").file.close()

    assert (tmp_path / "v").read_bytes() == b""
