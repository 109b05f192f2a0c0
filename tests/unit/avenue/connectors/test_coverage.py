"""When messages may have been missed."""

from avenue.connectors.coverage import Coverage
from avenue.connectors.spool import Hole
from runtime.clock import ManualClock


class Told:
    def __init__(self, last_heard_ms: int | None = None) -> None:
        self.clock = ManualClock(1000)
        self.holes: list[Hole] = []
        self.coverage = Coverage(self.clock, last_heard_ms, self.holes.append)


def test_the_first_start_of_all_has_missed_nothing_that_anyone_waited_for() -> None:
    told = Told()

    told.coverage.opened()

    assert told.holes == []
    assert told.coverage.listening


def test_while_another_link_is_open_a_drop_is_no_hole() -> None:
    told = Told()
    told.coverage.opened()
    told.coverage.opened()
    told.clock.advance(10)

    told.coverage.closed("it dropped")
    told.clock.advance(10)
    told.coverage.opened()

    assert told.holes == []


def test_a_hole_begins_with_the_last_sign_of_life_and_ends_with_the_next_link() -> None:
    told = Told()
    told.coverage.opened()
    told.clock.advance(100)
    told.coverage.heard()
    told.clock.advance(70)

    told.coverage.closed("nothing was heard")
    assert not told.coverage.listening
    told.clock.advance(5)
    told.coverage.opened()

    assert told.holes == [Hole(1100, 1175, "nothing was heard")]


def test_over_a_restart_the_hole_begins_when_the_one_before_last_heard() -> None:
    told = Told(last_heard_ms=400)

    told.coverage.opened()

    assert told.holes == [Hole(400, 1000, "the connector did not run")]


def test_messages_that_found_no_room_are_a_hole() -> None:
    told = Told()
    told.coverage.opened()

    told.coverage.dropped(7)

    assert [(hole.from_ms, hole.to_ms) for hole in told.holes] == [(1000, 1000)]
    assert "7 messages" in told.holes[0].why
