"""The ratio check stays quiet without a cause, however often it is looked at."""

import random

from reports.stats.balance import balance


def test_arms_in_the_planned_proportion_are_balanced_and_lost_days_are_an_alarm() -> None:
    planned = {"baseline": 100, "pilot": 200}

    assert not balance(planned, {"baseline": 47, "pilot": 103}).alarming
    assert balance(planned, {"baseline": 20, "pilot": 180}).alarming
    assert balance({"pilot": 9}, {"pilot": 9}).p_value is None
    assert balance(planned, {"baseline": 50, "pilot": 100, "other": 1}).alarming


def test_the_ratio_check_raises_no_false_alarm_however_often_it_is_looked_at() -> None:
    alarms = 0
    for run in range(200):
        rng, seen = random.Random(run), {"a": 0, "b": 0}
        for _ in range(100):
            seen["a" if rng.random() < 0.5 else "b"] += 1
            if (balance({"a": 1, "b": 1}, seen).p_value or 1) < 0.05:
                alarms += 1
                break
    assert alarms / 200 <= 0.05
