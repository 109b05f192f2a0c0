"""How the doctor judges a consumer group by where it is, and whether it moves while it is looked at."""

import time
from collections.abc import Callable

import pytest

from avenue.doctor import pipeline_checks
from avenue.doctor.pipeline_checks import MAX_LAG, movement
from avenue.doctor.runner import BrokenError, CheckContext, WarnedError
from reports.access.road_sources import GroupPosition

ELSEWHERE = CheckContext(home=None)


def looks(*committed: int, waits_s: float, end: int = 9, members: int = 1) -> Callable[[], GroupPosition]:
    """Return what gives one position after another, of a group before a log that ends at *end*."""
    oldest_ms = round((time.time() - waits_s) * 1000)
    found = iter([GroupPosition(members, at, end - at, oldest_ms if at < end else None) for at in committed])
    return lambda: next(found)


def test_a_reader_that_keeps_up_is_looked_at_once() -> None:
    assert movement(ELSEWHERE, "g", "worker", looks(9, waits_s=0)) == "0 records behind"
    assert movement(ELSEWHERE, "g", "worker", looks(3, waits_s=15)) == "6 records behind"


def test_a_reader_that_does_not_move_while_it_is_looked_at_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_checks, "LOOK_EVERY_S", 0.001)
    monkeypatch.setattr(pipeline_checks, "MOVES_S", 0.0)

    with pytest.raises(
        BrokenError, match="g is 6 records behind, the oldest waits for 60 s, and none is taken"
    ) as told:
        movement(ELSEWHERE, "g", "server", looks(3, 3, waits_s=60))

    assert told.value.next_step == "look at the log of `avenue sink`"


def test_a_reader_that_is_behind_and_moves_on_is_to_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_checks, "LOOK_EVERY_S", 0.001)

    with pytest.raises(WarnedError, match="g is 6 records behind, the oldest waits for 60 s; it moves on"):
        movement(ELSEWHERE, "g", "worker", looks(3, 3, 5, waits_s=60))


def test_a_reader_far_behind_is_to_be_looked_at_and_a_group_of_nobody_is_to_be_started() -> None:
    with pytest.raises(WarnedError, match=f"g is {MAX_LAG + 1} records behind"):
        movement(ELSEWHERE, "g", "worker", looks(0, waits_s=1, end=MAX_LAG + 1))
    with pytest.raises(BrokenError, match="nobody is in the group g") as told:
        movement(ELSEWHERE, "g", "worker", looks(9, waits_s=0, members=0))

    assert told.value.next_step == "start `avenue worker`"
