"""The difference of two arms over places and days, with what places and days have in common taken out.

A unit's value is a ratio; its weight grows with its denominator up to where the day's own scatter outweighs that of
the uses. Arms are compared within places and within days: place effects cancel, and day effects do wherever both
arms were seen on a day. What is left is added up by day, since places of one street share their weather; how much a
day resembles the one before it at the same place is `likeness.py`'s.

Everything here takes many trials at once along a first axis, if they have units at the same places on the same days
in the same arms: `bench/science.py` draws thousands of them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reports.stats.likeness import Likeness, likeness, place_stretch
from reports.stats.sequences import InformationTime
from reports.stats.trial_grid import BEFORE, TrialGrid, design_in
from reports.stats.trial_rows import Floats, Ints

FIRST_DAYS = 14
"""Days of the trial from which something is said: each weekday was seen twice."""
DAYS_AN_ARM = 7
"""Days that each arm must have had at places that changed arms, places added up, for their scatter to be known."""
DAYS_AT_A_PLACE = 4
"""Of these, at one of the places."""
DAYS_BEFORE = 5
"""Days before the trial, where places keep their arms."""
CHANGES = 6
"""How often arms must change where they change everywhere at once: else arm and time cannot be told apart."""
_DAY_SHARE = 0.1
"""Of the comparison that must be left within days; where arms change everywhere at once, days are not taken out."""
_OWN_SHARE = 0.8
"""Of each day's own square that counts where it is more than days of one spread give: few days carry much then."""
_NOTHING = 1e-9


@dataclass(frozen=True, slots=True)
class Difference:
    """What two arms differ by, and how sure that is: an entry of each for every trial."""

    value: Floats
    error: Floats
    """Standard error; 0 where nothing scatters."""
    degrees: Floats
    clock: InformationTime
    """How much more the comparison rests on than at its first look, and may yet."""
    skewness: Floats
    """Of the difference itself."""
    baseline: Floats
    baseline_error: Floats
    covariance: Floats
    """Of the difference and the baseline's value."""
    days_cancel: bool
    """Whether what the whole street shares on a day is taken out."""

    def of_trial(self, number: int) -> "Difference":
        """Return the entries of one trial."""
        one = slice(number, number + 1)
        return Difference(
            value=self.value[one],
            error=self.error[one],
            degrees=self.degrees[one],
            clock=self.clock.of_trial(number),
            skewness=self.skewness[one],
            baseline=self.baseline[one],
            baseline_error=self.baseline_error[one],
            covariance=self.covariance[one],
            days_cancel=self.days_cancel,
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """The cells of two arms, by place and day: what is there is shared by trials, what it came to is not."""

    treated: Floats
    """1 where the unit is the arm's."""
    trial: Floats
    """1 where the unit is of the trial."""
    there: Floats
    """1 where there is a unit, of the trial or before it."""
    weekday: Ints
    by_weekday: bool
    """Before and after, weekdays of the two groups are compared each with its own."""
    value: Floats
    """Trial by trial, as the next ones."""
    weight: Floats
    top: Floats
    bottom: Floats

    def until(self, columns: int) -> "Comparison":
        """Return the first so many days, with the same weights."""
        return replace(
            self,
            treated=self.treated[:, :columns],
            trial=self.trial[:, :columns],
            there=self.there[:, :columns],
            weekday=self.weekday[:columns],
            value=self.value[..., :columns],
            weight=self.weight[..., :columns],
            top=self.top[..., :columns],
            bottom=self.bottom[..., :columns],
        )


def comparison_of(grid: TrialGrid, arm: str, baseline: str) -> Comparison:
    """Return the units of *arm* and *baseline*, and of their places' time before."""
    ours, theirs = grid.arm == grid.number(arm), grid.arm == grid.number(baseline)
    places = (ours | theirs).any(axis=1)
    there = (ours | theirs | (grid.arm == BEFORE))[places]
    top, bottom = (np.where(there, part[..., places, :], 0.0) for part in (grid.top, grid.bottom))
    if top.ndim == there.ndim:
        top, bottom = top[None], bottom[None]
    return Comparison(
        treated=ours[places].astype(np.float64),
        trial=(ours | theirs)[places].astype(np.float64),
        there=there.astype(np.float64),
        weekday=grid.weekday,
        by_weekday=design_in(grid, arm, baseline) == "before_after",
        value=np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0),
        weight=_weights(bottom, there),
        top=top,
        bottom=bottom,
    )


def _weights(bottom: Floats, there: npt.NDArray[np.bool_]) -> Floats:
    """Return each unit's weight, 1 on average."""
    usual = np.median(bottom[..., there], axis=-1)[..., None, None]
    weight: Floats = bottom / (1 + bottom / usual)
    weight *= there.sum() / weight.sum(axis=(-1, -2), keepdims=True)
    return weight


@dataclass(frozen=True, slots=True)
class _Fit:
    """By least squares: the arm's part that nothing else explains, and what is left of the values."""

    arm: Floats
    rest: Floats
    effect: Floats
    information: Floats


def difference(cells: Comparison) -> Difference | None:
    """Return by what the treated units differ, or None where they are too few to compare."""
    first = first_look(cells)
    design = _design(cells)
    if first is None or design is None:
        return None
    fit = _fit(cells, days_cancel=design.days_cancel)
    early = cells.until(first)
    beginning = _information(_left(early, [early.treated], days_cancel=design.days_cancel)[0], early.weight)
    loading = cells.weight * fit.arm
    score = np.sum(loading * fit.rest, axis=-2)[..., design.used]
    shares = (np.sum(loading * fit.arm, axis=-2) / fit.information[:, None])[..., design.used]
    scatter = scatter_of(score, shares, lost=2 + (6 if cells.by_weekday else 0))
    alike = _likeness(cells, fit, score / np.sqrt(shares), design)
    stretch = alike.stretch
    if cells.by_weekday:
        parts = np.sum(loading * fit.arm, axis=-1) / fit.information[:, None]
        stretch = np.maximum(stretch, place_stretch(np.sum(loading * fit.rest, axis=-1), parts, scatter.square))
    base, base_score = _baseline(cells)
    together = np.sum(base_score[..., design.used] * score, axis=-1)
    return Difference(
        value=fit.effect,
        error=np.sqrt(scatter.square * stretch) / fit.information,
        degrees=alike.degrees(scatter.degrees),
        clock=InformationTime(np.maximum(fit.information / np.maximum(beginning, 1e-300), 1.0), _limit(early)),
        skewness=scatter.skewness,
        baseline=base,
        baseline_error=np.sqrt(np.sum(base_score**2, axis=-1) * stretch),
        covariance=together / fit.information * stretch,
        days_cancel=design.days_cancel,
    )


def _limit(early: Comparison) -> float:
    """Return how much more than at its first look a comparison can come to rest on.

    That with a time before gains no more than those days have: b of them with n of the trial weigh b n / (b + n).
    """
    if not early.by_weekday:
        return math.inf
    trial, there = _is(early.trial).any(axis=0), _is(early.there).any(axis=0)
    return 1 + float(np.sum(there & ~trial) / np.sum(trial))


def effects_of(cells: Comparison, treated: Floats) -> Floats:
    """Return the difference of the first trial's units as each of *treated* splits them, weekdays left in.

    Not a number where a split leaves nothing to compare.
    """
    weight = cells.weight[:1]
    days_cancel = days_that_cancel(cells)
    even = replace(cells, weight=weight, value=cells.value[:1], by_weekday=False)
    (rest,) = _left(even, [even.value], days_cancel=days_cancel)
    (arm,) = _left(even, [treated], days_cancel=days_cancel)
    information = _information(arm, weight)
    top = np.sum(weight * arm * rest, axis=(-1, -2))
    effects: Floats = np.full_like(top, np.nan)
    np.divide(top, information, out=effects, where=information > _NOTHING * weight.sum())
    return effects


def days_that_cancel(cells: Comparison) -> bool:
    """Return whether arms were compared within days, so that what the whole street shares on a day is taken out."""
    design = _design(cells)
    return design is not None and design.days_cancel


def first_look(cells: Comparison) -> int | None:
    """Return after how many columns enough days of both arms were there; None: not yet."""
    treated, trial, there = (_is(cell) for cell in (cells.treated, cells.trial, cells.there))
    enough = [np.cumsum(trial.any(axis=0)) >= FIRST_DAYS]
    if cells.by_weekday:
        needed = ((there & ~trial, DAYS_BEFORE), (treated, DAYS_AN_ARM))
        enough += [np.cumsum(kind.any(axis=0)) >= days for kind, days in needed]
    else:
        # Of each place, the days of the arm it had less: a day before its first change compares nothing.
        lesser = np.minimum(np.cumsum(treated, axis=1), np.cumsum(there & ~treated, axis=1))
        enough += [lesser.sum(axis=0) >= DAYS_AN_ARM, lesser.max(axis=0) >= DAYS_AT_A_PLACE]
    reached = np.flatnonzero(np.all(enough, axis=0))
    return int(reached[0]) + 1 if len(reached) else None


def _is(column: Floats) -> npt.NDArray[np.bool_]:
    return column.astype(np.bool_)


def changes_at_once(cells: Comparison) -> int:
    """Return how often the street as a whole changed arms, by the arm that most units of a day had."""
    share = np.sum(cells.treated, axis=0) - np.sum(cells.trial * (1 - cells.treated), axis=0)
    kind = np.sign(share[share != 0])
    return int(np.sum(kind[1:] != kind[:-1]))


@dataclass(frozen=True, slots=True)
class Scatter:
    """*square*: of the sum of the days' scores, were days unlike each other."""

    square: Floats
    degrees: float
    skewness: Floats


def scatter_of(score: Floats, shares: Floats, *, lost: float) -> Scatter:
    """Return the scatter of days whose scores have variances in the proportion of *shares*.

    *lost* degrees of freedom went into what was taken out before.
    """
    count = score.shape[-1]
    degrees = max(count - lost, 1.0)
    alike = np.sum(score**2 / shares, axis=-1) / degrees
    own = np.sum(score**2, axis=-1)
    return Scatter(
        square=np.maximum(alike, _OWN_SHARE * own * count / degrees),
        degrees=degrees,
        skewness=_beyond_chance(np.sum(score**3, axis=-1) / np.maximum(own**1.5, 1e-300), count),
    )


def _beyond_chance(skewness: Floats, count: int) -> Floats:
    """Return the *skewness* of a sum of *count* days as far as it is more than days of a normal law show."""
    rest: Floats = np.sign(skewness) * np.maximum(np.abs(skewness) - math.sqrt(6) / count, 0.0)
    return rest


@dataclass(frozen=True, slots=True)
class _Design:
    """What hangs on places and days alone, not on what units came to."""

    days_cancel: bool
    arm: Floats
    """The arm's part that nothing else explains, were all units of one weight."""
    used: npt.NDArray[np.bool_]
    """Which days say something of the difference."""


def _design(cells: Comparison) -> _Design | None:
    even = replace(cells, weight=cells.there[None])
    within, of_place = (_left(even, [even.treated], days_cancel=cancel)[0][0] for cancel in (True, False))
    days_cancel = bool(np.sum(within**2) >= _DAY_SHARE * np.sum(of_place**2))
    by_day = np.sum((within if days_cancel else of_place) ** 2, axis=0)
    if by_day.sum() <= _NOTHING * cells.there.sum():
        return None
    return _Design(days_cancel, within if days_cancel else of_place, by_day > _NOTHING * by_day.sum())


def _fit(cells: Comparison, *, days_cancel: bool) -> _Fit:
    arm, rest = _left(cells, [cells.treated, cells.value], days_cancel=days_cancel)
    information = _information(arm, cells.weight)
    effect = np.sum(cells.weight * arm * rest, axis=(-1, -2)) / information
    return _Fit(arm, rest - effect[:, None, None] * arm, effect, information)


def _left(cells: Comparison, columns: Sequence[Floats], *, days_cancel: bool) -> list[Floats]:
    """Return what of *columns* neither places nor days explain, by weighted least squares.

    Before and after, weekdays of the arm's places are taken out in the same way. Where days do not cancel, it is what
    places do not explain, and the time before has no part in it.
    """
    if not days_cancel:
        return _without_place(cells.weight * cells.trial, columns)
    if not cells.by_weekday:
        return _within(columns, cells.weight)
    group = _is(cells.treated).any(axis=1).reshape(-1, 1) & _is(cells.there)
    known = [np.where(group & (cells.weekday == weekday), 1.0, 0.0) for weekday in range(7)]
    left = np.stack(_within([*columns, *known], cells.weight), axis=-1)
    flat = left.reshape(left.shape[0], -1, left.shape[-1])
    weighted = flat * cells.weight.reshape(len(flat), -1, 1)
    ours, rest = flat[..., len(columns) :], flat[..., : len(columns)]
    products = np.swapaxes(weighted[..., len(columns) :], -1, -2)
    rest = rest - ours @ (np.linalg.pinv(products @ ours, rcond=1e-9, hermitian=True) @ (products @ rest))
    return [rest[..., number].reshape(left.shape[:-1]) for number in range(len(columns))]


def _without_place(weight: Floats, columns: Sequence[Floats]) -> list[Floats]:
    in_place = np.maximum(weight.sum(axis=-1, keepdims=True), 1e-300)
    return [(column - np.sum(weight * column, axis=-1, keepdims=True) / in_place) * (weight > 0) for column in columns]


def _within(columns: Sequence[Floats], weight: Floats) -> list[Floats]:
    """Take days out by their means; what is left of places is a system of as many unknowns as places."""
    in_day = weight.sum(axis=-2, keepdims=True)
    share = weight / np.where(in_day > 0, in_day, 1.0)
    system = -weight @ np.swapaxes(share, -1, -2)
    diagonal = np.arange(weight.shape[-2])
    system[..., diagonal, diagonal] += weight.sum(axis=-1)
    solve = np.linalg.pinv(system, rcond=1e-10, hermitian=True)
    left = []
    for column in columns:
        mean = np.sum(share * column, axis=-2, keepdims=True)
        of_place = solve @ np.sum(weight * (column - mean), axis=-1, keepdims=True)
        left.append((column - of_place - mean + np.swapaxes(of_place, -1, -2) @ share) * (weight > 0))
    return left


def _information(column: Floats, weight: Floats) -> Floats:
    total: Floats = np.sum(weight * column**2, axis=(-1, -2))
    return total


def _likeness(cells: Comparison, fit: _Fit, of_day: Floats, design: _Design) -> Likeness:
    """Return by what days that resemble each other stretch the variance, as places show it and as days do."""
    root = np.sqrt(cells.weight)
    if design.days_cancel:
        return likeness(root * fit.rest, design.arm, cells.there > 0).at_least(of_day)
    treated = np.sum(cells.treated, axis=0)
    sign = np.sign(treated - treated[design.used].mean())
    everywhere = np.zeros((len(of_day), len(design.used)))
    everywhere[:, design.used] = of_day
    sign = np.where(sign == 0, 1.0, sign)
    loading = sign * design.used
    found = likeness((sign * everywhere)[:, None], loading[None], design.used[None])
    # Of one street there is one course of days: too few to say that what goes on makes it surer.
    return replace(found, stretch=np.maximum(found.stretch, 1.0))


def _baseline(cells: Comparison) -> tuple[Floats, Floats]:
    """Return the baseline's ratio over the trial, and each day's part in its error."""
    chosen = cells.trial * (1 - cells.treated)
    bottom = np.sum(cells.bottom * chosen, axis=(-1, -2))
    base = np.sum(cells.top * chosen, axis=(-1, -2)) / bottom
    off = chosen * (cells.top - base[:, None, None] * cells.bottom) / bottom[:, None, None]
    return base, off.sum(axis=-2)
