"""What TERM and INT mean, without signals."""

import pytest

from avenue.embedded.stop import SAME_S, StopRequested, StopSignal


class Clock:
    def __init__(self) -> None:
        self.time = 50.0

    def __call__(self) -> float:
        return self.time


def test_the_same_wish_passed_on_twice_is_no_hurry_and_a_later_one_is() -> None:
    clock = Clock()
    stop = StopSignal(now=clock)
    assert not stop.asked

    stop.take()
    stop.take()
    assert (stop.asked, stop.hurry) == (True, False)

    clock.time += SAME_S + 0.1
    stop.take()
    assert stop.hurry


def test_what_blocks_is_ended_and_what_looks_is_told() -> None:
    stop = StopSignal()

    with pytest.raises(StopRequested), stop.breaking_in():
        stop.take()

    with pytest.raises(StopRequested):
        stop.check()


def test_outside_of_what_blocks_a_signal_is_only_noted() -> None:
    stop = StopSignal()
    with stop.breaking_in():
        pass

    stop.take()

    assert stop.asked
