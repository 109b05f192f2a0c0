"""What waits to be posted outlives a kill, and says nothing to who reads the disk."""

from pathlib import Path

import pytest

from avenue.connectors.spool import Hole, Spool, alone
from runtime.errors import ConfigurationError, PipelineError

SECRET, OTHER = b"k" * 32, b"o" * 32


def bodies(spool: Spool, count: int = 100) -> list[bytes]:
    return [message.body for message in spool.first(count)]


def test_what_was_added_is_there_in_order_after_the_file_is_opened_anew(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s.db", [SECRET])
    assert spool.add([b"one", b"two"]) == 0
    assert spool.add([b"two", b"three"]) == 0  # `two` waits already
    spool.remember("game_id", "g-1")
    spool.add_hole(Hole(1, 2, "why"))

    again = Spool(tmp_path / "s.db", [SECRET])  # as after a kill: the first was never closed

    assert bodies(again) == [b"one", b"two", b"three"]
    assert bodies(again, 2) == [b"one", b"two"]
    assert (again.waiting(), again.value("game_id"), again.value("other")) == (3, "g-1", "")
    assert again.holes() == [Hole(1, 2, "why")]


def test_what_is_in_leaves_and_the_rest_stays(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s.db", [SECRET])
    spool.add([b"one", b"two", b"three"])

    spool.remove(spool.first(2))

    assert bodies(spool) == [b"three"]


def test_nothing_of_a_message_can_be_read_on_the_disk(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s.db", [SECRET])
    spool.add([b'{"open_id":"a-person-of-the-room"}' * 50])
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())

    assert len(written) > 1000
    assert b"a-person-of-the-room" not in written
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())


def test_a_renewed_secret_seals_and_the_old_one_still_unseals(tmp_path: Path) -> None:
    Spool(tmp_path / "s.db", [SECRET]).add([b"one"])

    both = Spool(tmp_path / "s.db", [OTHER, SECRET])
    both.add([b"two"])

    assert bodies(both) == [b"one", b"two"]
    with pytest.raises(PipelineError, match="give the old one"):
        bodies(Spool(tmp_path / "s.db", [OTHER]))


def test_what_finds_no_room_is_counted(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s.db", [SECRET], max_waiting=3)

    assert spool.add([b"one", b"two"]) == 0
    assert spool.add([b"three", b"four", b"five"]) == 2
    assert bodies(spool) == [b"one", b"two", b"three"]


def test_two_connectors_do_not_share_a_state(tmp_path: Path) -> None:
    with alone(tmp_path / "s.db"):
        with pytest.raises(ConfigurationError, match="another connector"), alone(tmp_path / "s.db"):
            pass
        with alone(tmp_path / "other.db"):
            pass
    with alone(tmp_path / "s.db"):
        pass


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigurationError, match=r"s\.db cannot be used"):
        Spool(tmp_path / "file" / "s.db", [SECRET])
