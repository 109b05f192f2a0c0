"""The difference of two arms over places and days, with what places and days have in common taken out.

A unit's value is a ratio; its weight grows with its denominator up to where the day's own scatter outweighs that of
the uses. Arms are compared within places and within days: place effects cancel, and day effects do wherever both
arms were seen on a day. What is left is added up by day, since places of one street share their weather; how much a
day resembles the one before it at the same place is `likeness.py`'s.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reports.stats.likeness import Likeness, likeness, place_stretch
from reports.stats.trial_grid import BEFORE, TrialGrid, has_before
from reports.stats.trial_rows import Floats, Ints

FIRST_DAYS = 14
"""Days of the trial from which something is said: each weekday was seen twice."""
DAYS_AN_ARM = 7
"""Days that each arm must have had at places that changed arms, or before the trial, for their scatter to be known."""
CHANGES = 6
"""How often arms must change where they change everywhere at once: else arm and time cannot be told apart."""
_DAY_SHARE = 0.1
"""Of the comparison that must be left within days; where arms change everywhere at once, days are not taken out."""
_OWN_SHARE = 0.8
"""Of each day's own square that counts where it is more than days of one spread give: few days carry much then."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What two arms differ by, and how sure that is."""

    value: float
    error: float
    """Standard error; 0 where nothing scatters."""
    degrees: float
    growth: float
    """How much more the comparison rests on than at its first look."""
    skewness: float
    """Of the difference itself."""
    baseline: float
    baseline_error: float
    covariance: float
    """Of the difference and the baseline's value."""
    days_cancel: bool
    """Whether what the whole street shares on a day is taken out."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The cells of two arms: values, weights, 0 where there is no unit, and which are the arm's."""

    value: Floats
    weight: Floats
    treated: Floats
    trial: Floats
    """1 where the unit is of the trial."""
    top: Floats
    bottom: Floats
    weekday: Ints
    group: Floats
    """1 for places that have the arm in the trial, by place."""
    by_weekday: bool
    """Before and after, weekdays of the two groups are compared each with its own."""

    def until(self, columns: int) -> "Comparison":
        """Return the first so many days, with the same weights."""
        return replace(
            self,
            value=self.value[:, :columns],
            weight=self.weight[:, :columns],
            treated=self.treated[:, :columns],
            trial=self.trial[:, :columns],
            top=self.top[:, :columns],
            bottom=self.bottom[:, :columns],
            weekday=self.weekday[:columns],
        )


def comparison_of(grid: TrialGrid, arm: str, baseline: str) -> Comparison:
    """Return the units of *arm* and *baseline*, and of their places' time before."""
    ours, theirs = grid.number(arm), grid.number(baseline)
    mine = grid.arm == ours
    trial = mine | (grid.arm == theirs)
    places = trial.any(axis=1)
    switching = bool((mine.any(axis=1) & (grid.arm == theirs).any(axis=1)).any())
    chosen = trial | ((grid.arm == BEFORE) & places[:, None])
    chosen, trial, mine = chosen[places], trial[places], mine[places]
    top, bottom = np.where(chosen, grid.top[places], 0.0), np.where(chosen, grid.bottom[places], 0.0)
    return Comparison(
        value=np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0),
        weight=_weights(bottom),
        treated=mine.astype(np.float64),
        trial=trial.astype(np.float64),
        top=top,
        bottom=bottom,
        weekday=grid.weekday,
        group=mine.any(axis=1).astype(np.float64),
        by_weekday=not switching and has_before(grid, arm, baseline),
    )


def _weights(bottom: Floats) -> Floats:
    """Return each unit's weight, 1 on average."""
    used = bottom > 0
    usual = float(np.median(bottom[used])) if used.any() else 1.0
    weight: Floats = bottom / (1 + bottom / usual)
    weight *= float(used.sum()) / max(float(weight.sum()), 1e-300)
    return weight


@dataclass(frozen=True, slots=True)
class _Fit:
    """By least squares: the arm's part that nothing else explains, and what is left of the values."""

    arm: Floats
    rest: Floats
    effect: float
    information: float
    days_cancel: bool


def difference(cells: Comparison) -> Difference | None:
    """Return by what the treated units differ, or None where they are too few to compare."""
    first = first_look(cells)
    if first is None:
        return None
    fit = _fit(cells)
    if fit is None:
        return None
    early = _fit(cells.until(first))
    growth = fit.information / early.information if early is not None else 1.0
    root = np.sqrt(cells.weight)
    shares = np.sum((root * fit.arm) ** 2, axis=0) / fit.information
    score: Floats = np.sum(cells.weight * fit.arm * fit.rest, axis=0)
    used = shares > 1e-9
    lost = 2 + (6 if cells.by_weekday else 0)
    scatter = scatter_of(score[used], shares[used], lost=lost)
    alike = _likeness(cells, fit, score, shares)
    stretch = alike.stretch
    if cells.by_weekday:
        places = np.sum(cells.weight * fit.arm * fit.rest, axis=1)
        parts = np.sum((root * fit.arm) ** 2, axis=1) / fit.information
        stretch = max(stretch, place_stretch(places, parts, scatter.square))
    base, base_score = _baseline(cells)
    return Difference(
        value=fit.effect,
        error=math.sqrt(scatter.square * stretch) / fit.information,
        degrees=alike.degrees(scatter.degrees),
        growth=max(growth, 1.0),
        skewness=scatter.skewness,
        baseline=base,
        baseline_error=float(np.sqrt(np.sum(base_score**2) * stretch)),
        covariance=float(np.sum(base_score * score)) / fit.information * stretch,
        days_cancel=fit.days_cancel,
    )


def first_look(cells: Comparison) -> int | None:
    """Return after how many columns enough days of both arms were there; None: not yet."""
    day_of_trial = cells.trial.any(axis=0)
    enough = [np.cumsum(day_of_trial) >= FIRST_DAYS]
    both = (cells.treated.any(axis=1) & (cells.trial * (1 - cells.treated)).any(axis=1))[:, None]
    plain: npt.NDArray[np.bool_] = (cells.weight > 0) & (cells.treated == 0)
    if cells.by_weekday:
        enough += [np.cumsum((plain & (cells.trial == 0)).any(axis=0)) >= DAYS_AN_ARM]
        enough += [np.cumsum((cells.treated > 0).any(axis=0)) >= DAYS_AN_ARM]
    else:
        enough += [np.cumsum((plain & both).any(axis=0)) >= DAYS_AN_ARM]
        enough += [np.cumsum(((cells.treated > 0) & both).any(axis=0)) >= DAYS_AN_ARM]
    reached = np.flatnonzero(np.all(enough, axis=0))
    return int(reached[0]) + 1 if len(reached) else None


def changes_at_once(cells: Comparison) -> int:
    """Return how often the street as a whole changed arms, by the arm that most units of a day had."""
    share = np.sum(cells.treated, axis=0) - np.sum(cells.trial * (1 - cells.treated), axis=0)
    kind = np.sign(share[share != 0])
    return int(np.sum(kind[1:] != kind[:-1]))


@dataclass(frozen=True, slots=True)
class Scatter:
    """*square*: of the sum of the days' scores, were days unlike each other."""

    square: float
    degrees: float
    skewness: float


def scatter_of(score: Floats, shares: Floats, *, lost: int) -> Scatter:
    """Return the scatter of days whose scores have variances in the proportion of *shares*.

    *lost* degrees of freedom went into what was taken out before.
    """
    degrees = max(len(score) - lost, 1)
    alike = float(np.sum(score**2 / shares)) / degrees
    own = float(np.sum(score**2))
    cube = float(np.sum(score**3))
    return Scatter(
        square=max(alike, _OWN_SHARE * own * len(score) / degrees),
        degrees=float(degrees),
        skewness=cube / own**1.5 if own > 0 else 0.0,
    )


def _fit(cells: Comparison) -> _Fit | None:
    both, one_way = _without_both(cells), None
    if _information(both[0], cells.weight) < _DAY_SHARE * _information(_without_place(cells)[0], cells.weight):
        one_way = _without_place(cells)
    arm, rest = one_way or both
    information = _information(arm, cells.weight)
    if information <= 1e-9 * float(np.sum(cells.weight)):
        return None
    effect = float(np.sum(cells.weight * arm * rest)) / information
    return _Fit(arm, rest - effect * arm, effect, information, days_cancel=one_way is None)


def _without_place(cells: Comparison) -> tuple[Floats, Floats]:
    """Return treatment and values of the trial without their places' means; the time before has no part in it."""
    weight = cells.weight * cells.trial
    in_place = np.maximum(weight.sum(axis=1, keepdims=True), 1e-300)
    columns = []
    for column in (cells.treated, cells.value):
        mean = np.sum(weight * column, axis=1, keepdims=True) / in_place
        columns.append((column - mean) * cells.trial)
    return columns[0], columns[1]


def _without_both(cells: Comparison) -> tuple[Floats, Floats]:
    """Return what of treatment and values neither places nor days explain, by weighted least squares.

    Days are taken out by their means; what is left of the places' indicators is a system of as many unknowns as
    places. Before and after, weekdays of the arm's places are taken out in the same way.
    """
    columns = [cells.treated, cells.value]
    if cells.by_weekday:
        columns += [cells.group[:, None] * (cells.weekday == weekday)[None, :] for weekday in range(7)]
    left = _within(np.stack(columns), cells.weight)
    if not cells.by_weekday:
        return left[0], left[1]
    root = np.sqrt(cells.weight).ravel()
    flat = left.reshape(len(columns), -1)
    known = flat[2:].T
    rest = flat[:2].T - known @ np.linalg.lstsq(known * root[:, None], (flat[:2] * root).T, rcond=1e-8)[0]
    shape = cells.weight.shape
    return rest[:, 0].reshape(shape), rest[:, 1].reshape(shape)


def _within(columns: Floats, weight: Floats) -> Floats:
    in_day = weight.sum(axis=0)
    share = weight / np.where(in_day > 0, in_day, 1.0)
    mean = np.sum(share * columns, axis=1)
    system = np.diag(weight.sum(axis=1)) - weight @ share.T
    right = np.sum(weight * (columns - mean[:, None, :]), axis=2)
    of_place = np.linalg.lstsq(system, right.T, rcond=1e-10)[0].T
    of_day = mean - of_place @ share
    left: Floats = (columns - of_place[:, :, None] - of_day[:, None, :]) * (weight > 0)
    return left


def _information(column: Floats, weight: Floats) -> float:
    return float(np.sum(weight * column**2))


def _likeness(cells: Comparison, fit: _Fit, score: Floats, shares: Floats) -> Likeness:
    """Return by what days that resemble each other stretch the variance, as places show it and as days do."""
    root = np.sqrt(cells.weight)
    sign = np.sign(np.sum(cells.weight * fit.arm, axis=0))
    of_day = np.where(shares > 1e-9, score / np.sqrt(np.maximum(shares, 1e-9)), 0.0)
    if not fit.days_cancel:
        sign = np.where(sign == 0, 1.0, sign)
        return likeness((sign * of_day)[None, :], (sign * np.sqrt(shares))[None, :], shares[None, :] > 1e-9)
    found = likeness(root * fit.rest, root * fit.arm, cells.weight > 0)
    return found.at_least(of_day[shares > 1e-9])


def _baseline(cells: Comparison) -> tuple[float, Floats]:
    """Return the baseline's ratio over the trial, and each day's part in its error."""
    chosen = cells.trial * (1 - cells.treated)
    bottom = float(np.sum(cells.bottom * chosen))
    base = float(np.sum(cells.top * chosen)) / bottom if bottom else math.nan
    off = chosen * (cells.top - base * cells.bottom) / (bottom or 1.0)
    return base, off.sum(axis=0)
