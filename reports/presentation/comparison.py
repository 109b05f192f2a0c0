"""What may and may not be concluded from two trials, or two times of one, side by side: page and API say it alike."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from reports.presentation.formats import LocaleFormatter
from reports.presentation.language import Translator
from reports.queries.comparison import ComparedSide
from reports.queries.model import Interval
from reports.queries.spans import starts
from reports.stats.verdict import MIN_DAYS
from schemas.timing import DAY_MS, SHANGHAI_MS

LimitCode = Literal[
    "not_randomised",
    "other_causes",
    "other_primary",
    "other_time",
    "within_a_trial",
    "time_passed",
    "weekends_differ",
    "too_few_days",
    "design_compares",
    "by_the_readout",
]
WEEKEND_SLACK = 0.05
"""Shares of weekend days that differ by more are said: a week has two of seven."""
SATURDAY = 5
_THURSDAY = 3
"""1970-01-01 was one."""


@dataclass(frozen=True, slots=True)
class ComparisonLimit:
    """One thing to know before concluding."""

    code: LimitCode
    text: str


def comparison_limits(sides: Sequence[ComparedSide], words: Translator) -> list[ComparisonLimit]:
    """Return what is to be known of *sides*, two of them, in the language of *words*."""
    said = _of_trials(sides, words) if sides[0].kind == "trial" else _of_times(sides, words)
    return [ComparisonLimit(code, text) for code, text in said]


def _of_trials(sides: Sequence[ComparedSide], words: Translator) -> Iterator[tuple[LimitCode, str]]:
    say, (first, second) = words.say, sides
    yield (
        "not_randomised",
        say(
            "Two trials are no randomised comparison: nobody drew by lot which place, day or person came to which. "
            "So no difference and no winner is computed here; each value stands with its own interval."
        ),
    )
    yield (
        "other_causes",
        say("What differs between the two may come from other places, other weeks, other people or prices."),
    )
    if first.trial.primary_metrics != second.trial.primary_metrics:
        text = say("They were registered with different primary metrics, and each was planned for its own.")
        yield "other_primary", text
    if not _overlap(first.interval, second.interval):
        yield "other_time", say("They did not run at the same time: season, weather and holidays differ as well.")
    yield "within_a_trial", say("Whether one arm beats another is told within a trial, by its readout.")


def _of_times(sides: Sequence[ComparedSide], words: Translator) -> Iterator[tuple[LimitCode, str]]:
    say, trial = words.say, sides[0].trial
    yield (
        "time_passed",
        say(
            "An earlier and a later time are no comparison by themselves: season, weather, holidays and novelty "
            "change with time. So no difference is computed here; each value stands with its own interval."
        ),
    )
    shares = [_weekend_share(side.interval) for side in sides]
    if abs(shares[0] - shares[1]) > WEEKEND_SLACK:
        first, second = map(LocaleFormatter(words).percent, shares)
        yield (
            "weekends_differ",
            say(
                "The two periods hold different shares of weekend days (%(first)s and %(second)s).",
                first=first,
                second=second,
            ),
        )
    if any(row.why == "too_few_days" for side in sides for row in side.rows):
        text = say("A period of fewer than %(n)s days has no intervals: its days say too little.", n=MIN_DAYS)
        yield "too_few_days", text
    if trial.baseline_from is not None and sides[0].planned_design == "before_after":
        yield (
            "design_compares",
            say(
                "This trial's design does compare before and after, place by place against places that stayed as "
                "they were: that difference, with its interval, stands in the readout."
            ),
        )
    elif len(trial.arms) > 1:
        yield "by_the_readout", say("Whether one arm beats another at the same time is told by the readout.")


def _overlap(first: Interval, second: Interval) -> bool:
    return first.from_ms < second.to_ms and second.from_ms < first.to_ms


def _weekend_share(interval: Interval) -> float:
    weekdays = [((day + SHANGHAI_MS) // DAY_MS + _THURSDAY) % 7 for day in starts(interval, "day")]
    return sum(weekday >= SATURDAY for weekday in weekdays) / len(weekdays) if weekdays else 0
