"""A wait asks at once, ends with the first answer that will do, and else with the last one when its time is over."""

from collections.abc import Callable, Iterator

import pytest
from tenacity import RetryCallState, Retrying

from runtime.retries import doubling, poll_until


class MovedTime:
    """Stands for the clock and the sleep of tenacity: who sleeps, moves it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Iterator[MovedTime]:
    moved = MovedTime()
    monkeypatch.setattr("tenacity.time", moved)
    monkeypatch.setattr("tenacity.nap.time", moved)
    yield moved
    monkeypatch.undo()


def answers(*given: int) -> Callable[[], int]:
    left = iter(given)
    return lambda: next(left)


def test_the_first_answer_that_will_do_ends_the_wait(time: MovedTime) -> None:
    assert poll_until(answers(0, 0, 7, 8), timeout_s=60.0, every_s=0.5) == 7
    assert time.slept == [0.5, 0.5]


def test_the_last_answer_is_given_when_the_time_is_over(time: MovedTime) -> None:
    found = poll_until(answers(*range(20)), is_done=lambda answer: answer > 10, timeout_s=1.0, every_s=0.25)

    assert found == 4
    assert time.slept == [0.25] * 4


def test_without_time_it_is_asked_once(time: MovedTime) -> None:
    assert poll_until(answers(0), timeout_s=0.0, every_s=0.5) == 0
    assert time.slept == []


def test_what_the_question_raises_ends_the_wait(time: MovedTime) -> None:
    def ask() -> bool:
        raise LookupError("it has ended")

    with pytest.raises(LookupError, match="it has ended"):
        poll_until(ask, timeout_s=60.0, every_s=0.5)
    assert time.slept == []


def test_pauses_double_up_to_their_bound() -> None:
    state = RetryCallState(Retrying(), fn=None, args=(), kwargs={})
    pauses = []
    for attempt in range(1, 9):
        state.attempt_number = attempt
        pauses.append(doubling(0.2, 5.0)(state))

    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
