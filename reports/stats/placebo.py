"""The placebo street: of so many random splits of the same days and places, how many look at least this good.

A randomisation test in R. A. Fisher's sense ("The Design of Experiments", 1935; G. W. Imbens and D. B. Rubin, "Causal
Inference", 2015, chapter 5): the trial's units stay as they were, only which arm they are said to have had is drawn
anew, in the ways the trial's own rota might have gone. Differences are taken within places and days as the verdict's
are, weekdays aside. It is an illustration and no verdict: it looks once, and is exact only where the rota was drawn.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from reports.stats.panel import Comparison, comparison_of, days_that_cancel, effects_of
from reports.stats.trial_grid import design_in, grid_of
from reports.stats.trial_rows import Floats, read_units

SPLITS = 1000
MAX_SPLITS = 10_000
"""More would say nothing that these do not, and each costs memory."""
_AT_ONCE = 200
_MANY = 1000
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class PlaceboStreet:
    """How the trial's own difference stands among those of random splits."""

    seen: float
    splits: int
    """Those in which both arms have something to compare."""
    as_good: int
    """Splits whose difference is as far, or farther, in the good direction."""
    as_far: int
    """Splits whose difference is as far in either direction."""
    possible: float
    """How many different splits there are; drawn ones repeat where these are few."""
    differences: tuple[float, ...]
    """Of all splits, from small to large, for drawing."""


def placebo_street(  # noqa: PLR0913 - what is asked of it, all but two by name
    rows: Iterable[tuple[str, str, str, int, float, float]],
    arm: str,
    *,
    baseline: str = "baseline",
    splits: int = SPLITS,
    seed: int = 1,
    lower_is_better: bool = False,
) -> PlaceboStreet | None:
    """Return *arm*'s difference among those of *splits* random ones; None where there is nothing to split.

    Where places change arms, each two of a place's periods change sides or not, as chance has it: a lottery that
    gives each pair of days or weeks both arms could have come out so. Places that change all together do so in the
    splits. Else arms are dealt anew to the places. The same *seed* gives
    the same splits, whatever the order of *rows*. Raises `ValueError` as `judge` does, or naming *splits*.
    """
    if not 1 <= splits <= MAX_SPLITS:
        raise ValueError(f"splits must lie between 1 and {MAX_SPLITS}")
    grid = grid_of(read_units(rows))
    design = design_in(grid, arm, baseline)
    if design == "one_place" or {arm, baseline} - set(grid.seen_arms()):
        return None
    cells = replace(comparison_of(grid, arm, baseline), by_weekday=False)
    rng = np.random.default_rng(seed)
    if design == "switching":
        blocks = _blocks(cells)
        drawn = _swapped(cells, blocks, splits, rng)
        possible = 2.0 ** min(sum(math.ceil(len(found) / 2) for found in blocks), _MANY)
    else:
        drawn = _dealt(cells, splits, rng)
        possible = float(math.comb(len(cells.treated), int(_group(cells).sum())))
    seen, others = _differences(cells, drawn, by_place=design == "side_by_side")
    return None if seen is None else _counted(seen, others, possible, lower_is_better=lower_is_better)


def _counted(seen: float, others: Floats, possible: float, *, lower_is_better: bool) -> PlaceboStreet:
    good = -1.0 if lower_is_better else 1.0
    nearly = abs(seen) * _ROUNDING
    return PlaceboStreet(
        seen=seen,
        splits=len(others),
        as_good=int(np.sum(good * others >= good * seen - nearly)),
        as_far=int(np.sum(np.abs(others) >= abs(seen) - nearly)),
        possible=possible,
        differences=tuple(np.sort(others).tolist()),
    )


def _group(cells: Comparison) -> Floats:
    """Return which places have the arm."""
    group: Floats = (cells.treated.sum(axis=1) > 0).astype(np.float64)
    return group


def _dealt(cells: Comparison, splits: int, rng: np.random.Generator) -> Floats:
    """Return who is treated in each split: as many places as were, drawn anew."""
    groups = rng.permuted(np.tile(_group(cells), (splits, 1)), axis=1)
    dealt: Floats = groups[:, :, None] * cells.trial
    return dealt


def _blocks(cells: Comparison) -> list[list[list[tuple[int, int]]]]:
    """Return by place the blocks of its days in one arm, each as its cells; places that go together are one."""
    found = [blocks for place in range(len(cells.trial)) if len(blocks := _of_place(cells, place)) > 1]
    if days_that_cancel(cells):
        return found
    return [[list(chain(*parts)) for parts in zip(*found, strict=False)]]


def _of_place(cells: Comparison, place: int) -> list[list[tuple[int, int]]]:
    """Return the place's periods, as long as its shortest run of days in one arm; its runs, if periods mix arms."""
    days = np.flatnonzero(cells.trial[place])
    arms = cells.treated[place, days]
    runs = np.split(days, np.flatnonzero(arms[1:] != arms[:-1]) + 1)
    length = min((len(run) for run in runs), default=0) or 1
    period = (days - days[:1]) // length
    periods = np.split(days, np.flatnonzero(period[1:] != period[:-1]) + 1)
    pure = all(len(set(cells.treated[place, block].tolist())) == 1 for block in periods)
    return [[(place, int(day)) for day in block] for block in (periods if pure else runs)]


def _swapped(
    cells: Comparison, blocks: Sequence[Sequence[Sequence[tuple[int, int]]]], splits: int, rng: np.random.Generator
) -> Floats:
    """Return who is treated in each split: pairs of blocks with sides changed or not."""
    treated = np.repeat(cells.treated[None], splits, axis=0)
    for of_place in blocks:
        for first in range(0, len(of_place), 2):
            swapped = np.flatnonzero(rng.random(splits) < 0.5)
            for block in of_place[first : first + 2]:
                places, days = (np.array(axis) for axis in zip(*block, strict=True))
                treated[swapped[:, None], places, days] = 1 - cells.treated[places, days]
    return treated


def _differences(cells: Comparison, drawn: Floats, *, by_place: bool) -> tuple[float | None, Floats]:
    """Return the trial's own difference and those of the splits, of which some may have none."""
    every = np.concatenate([cells.treated[None], drawn])
    if by_place:
        found = _of_places(cells, every)
    else:
        parts = [every[first : first + _AT_ONCE] for first in range(0, len(every), _AT_ONCE)]
        found = np.concatenate([effects_of(cells, part) for part in parts])
    seen = float(found[0])
    return (None if math.isnan(seen) else seen), found[1:][~np.isnan(found[1:])]


def _of_places(cells: Comparison, treated: Floats) -> Floats:
    ratios = (cells.top[0] * cells.trial).sum(axis=1) / (cells.bottom[0] * cells.trial).sum(axis=1)
    group = np.any(treated > 0, axis=2).astype(np.float64)
    difference: Floats = (group @ ratios) / group.sum(axis=1) - ((1 - group) @ ratios) / (1 - group).sum(axis=1)
    return difference
