"""Whether work that waits moves, told by a clock in hand."""

from runtime.progress import ProgressAge, Pulse


def test_progress_ages_only_while_work_waits_and_none_is_done() -> None:
    age = ProgressAge()

    ages = [
        age.read(now, moved=moved, waiting=waiting)
        for now, moved, waiting in [(0, 1, 5), (4, 1, 5), (6, 2, 5), (9, 2, 5), (12, 2, 0), (15, 2, 3)]
    ]

    assert ages == [0, 4, 0, 3, 0, 3]


def test_a_loop_that_stands_still_is_stuck_and_one_that_turns_is_not() -> None:
    now = [100.0]
    pulse = Pulse("it has not turned", stuck_s=10, now=lambda: now[0])
    pulse.beat()

    now[0] += 9
    assert pulse.problem() is None

    now[0] += 2
    assert pulse.problem() == "stuck: it has not turned for 11 s"
    pulse.beat()
    assert pulse.problem() is None


def test_a_loop_that_never_turned_or_has_ended_is_not_stuck() -> None:
    now = [0.0]
    pulse = Pulse("it has not turned", stuck_s=10, now=lambda: now[0])

    now[0] = 1000
    assert pulse.problem() is None
    pulse.beat()
    pulse.end()
    now[0] = 2000

    assert pulse.problem() is None
