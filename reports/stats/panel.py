"""The difference of two arms over places and days, with what places and days have in common taken out.

A unit's value is a ratio; its weight grows with its denominator up to where the day's own scatter outweighs that of
the uses. Arms are compared within places and within days: place effects cancel, and day effects do wherever both
arms were seen on a day. What is left is added up by day, since places of one street share their weather, and a day
resembles the one before: the standard error is made of days, their resemblance in it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reports.stats.trial_rows import Floats, Ints, UnitColumns, UnitRow

WEEKDAYS_FROM = 21
"""Days from which each weekday was seen three times, and its own part is taken out of the scatter."""
_MIN_DAYS = 6
_DAY_SHARE = 0.1
"""Of the comparison that must be left within days; where arms change everywhere at once, days are not taken out."""
_RESEMBLANCE = (-0.35, 0.7)
"""What neighbouring days may resemble each other; beyond, two months say too little about it."""
_UNSURE = 0.6
"""Standard errors of a negative resemblance that are taken for chance: it would make intervals narrower."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What two arms differ by, and how sure that is."""

    value: float
    error: float
    """Standard error; 0 where nothing scatters."""
    degrees: float
    days: float
    """How many days alike the comparison rests on, resembling ones counted less."""
    baseline: float
    baseline_error: float
    covariance: float
    """Of the difference and the baseline's value."""
    days_cancel: bool
    """Whether what the whole street shares on a day is taken out."""


def unit_values(numerator: Floats, denominator: Floats) -> tuple[Floats, Floats]:
    """Return the ratio of each unit and its weight, 1 on average."""
    usual = float(np.median(denominator))
    weight = denominator / (1 + denominator / usual)
    return numerator / denominator, weight / weight.mean()


def difference(units: UnitColumns) -> Difference | None:
    """Return by what the treated units differ, or None where they are too few to compare."""
    value, weight = unit_values(units.numerator, units.denominator)
    days, day = np.unique(units.day, return_inverse=True)
    arm, left = _within(units, day, (units.treated, value), weight)
    days_cancel = _information(arm.both, weight) >= _DAY_SHARE * _information(arm.place, weight)
    r, y = (arm.both, left.both) if days_cancel else (arm.place, left.place)
    information = _information(r, weight)
    if information <= 1e-9 * len(value):
        return None
    effect = float(np.sum(weight * r * y)) / information
    shares = np.bincount(day, weight * r * r) / information
    score: Floats = np.bincount(day, weight * r * (y - effect * r)).astype(np.float64)
    used = shares > 1e-9
    if used.sum() < _MIN_DAYS:
        return None
    scatter = _scatter(score[used], shares[used], days[used])
    error = math.sqrt(scatter.square * scatter.stretch) / information
    base, base_score = _baseline(units, day)
    stretched = math.sqrt(scatter.stretch)
    return Difference(
        value=effect,
        error=error,
        degrees=scatter.degrees,
        days=float(1 / np.sum(shares**2)) / max(scatter.stretch, 1.0),
        baseline=base,
        baseline_error=float(np.sqrt(np.sum(base_score**2))) * stretched,
        covariance=float(np.sum(base_score * score)) / information * scatter.stretch,
        days_cancel=bool(days_cancel),
    )


def mean_over_days(units: Sequence[UnitRow]) -> Difference | None:
    """Return the ratio of *units* over their days, of which each counts once; None where they are too few."""
    days, day = np.unique(np.array([unit.day for unit in units]), return_inverse=True)
    top, bottom = (np.bincount(day, [part[index] for part in units]) for index in (4, 5))
    value = float(top.sum() / bottom.sum())
    if len(days) < _MIN_DAYS:
        return None
    score = (top - value * bottom) / bottom.sum()
    scatter = _scatter(score, np.full(len(days), 1 / len(days)), days)
    error = math.sqrt(scatter.square * scatter.stretch)
    count = len(days) / max(scatter.stretch, 1.0)
    return Difference(value, error, scatter.degrees, count, value, error, 0.0, days_cancel=False)


@dataclass(frozen=True, slots=True)
class _Scatter:
    """*square*: of the sum of the days' scores; *stretch*: by what resembling days make it larger."""

    square: float
    stretch: float
    degrees: float


def _scatter(score: Floats, shares: Floats, days: Ints) -> _Scatter:
    """Return the scatter of days whose scores have variances in the proportion of *shares*."""
    alike, lost = score / np.sqrt(shares), 2
    if len(days) >= WEEKDAYS_FROM:
        weekday = days % 7
        mean = np.bincount(weekday, score, 7) / np.maximum(np.bincount(weekday, shares, 7), 1e-12)
        alike, lost = alike - mean[weekday] * np.sqrt(shares), 8
    total, count = float(np.sum(alike**2)), len(days)
    resemblance = _resemblance(alike, total, count)
    stretch = (1 + resemblance) / (1 - resemblance)
    degrees = max(count - lost, 1)
    return _Scatter(total / degrees, stretch, max(degrees / max(stretch, 1.0), 1.0))


def _resemblance(alike: Floats, total: float, count: int) -> float:
    """Return the first autocorrelation, corrected for its bias in few days around two means.

    M. G. Kendall, "Note on Bias in the Estimation of Autocorrelation", Biometrika 41, 1954.
    """
    if total <= 0:
        return 0.0
    seen = float(np.sum(alike[1:] * alike[:-1])) / total
    seen = (count * seen + 2) / (count - 4)
    low, high = _RESEMBLANCE
    if seen >= 0:
        return min(seen, high)
    return max(min(seen + _UNSURE / math.sqrt(count), 0.0), low)


@dataclass(frozen=True, slots=True)
class _Within:
    """A column without its place's part, and without that and its day's."""

    place: Floats
    both: Floats


def _within(units: UnitColumns, day: Ints, columns: Sequence[Floats], weight: Floats) -> list[_Within]:
    """Return what of each of *columns* neither places nor days explain, by weighted least squares.

    Days are taken out by their means; what is left of the places' indicators is a system of as many unknowns as
    places.
    """
    places = np.zeros((len(weight), units.places))
    places[np.arange(len(weight)), units.place] = 1.0
    total, in_place = np.bincount(day, weight), np.bincount(units.place, weight)

    def without_day(values: Floats) -> Floats:
        return values - (np.bincount(day, weight * values) / total)[day]

    root = np.sqrt(weight)[:, None]
    cleared = np.column_stack([without_day(places[:, number]) for number in range(units.places)])
    rest = np.column_stack([without_day(column) for column in columns])
    left = rest - cleared @ np.linalg.lstsq(cleared * root, rest * root, rcond=1e-10)[0]
    return [
        _Within(
            place=column - (np.bincount(units.place, weight * column) / in_place)[units.place],
            both=left[:, number],
        )
        for number, column in enumerate(columns)
    ]


def _information(column: Floats, weight: Floats) -> float:
    return float(np.sum(weight * column**2))


def _baseline(units: UnitColumns, day: Ints) -> tuple[float, Floats]:
    """Return the baseline's ratio over the trial, and each day's part in its error."""
    chosen = (units.treated == 0) & units.in_trial
    bottom = float(np.sum(units.denominator[chosen]))
    base = float(np.sum(units.numerator[chosen])) / bottom if bottom else math.nan
    off = np.where(chosen, units.numerator - base * units.denominator, 0.0) / (bottom or 1.0)
    return base, np.bincount(day, off).astype(np.float64)
