"""How a trial's verdict came to be, day by day, and what chance alone would show: of the rows that were judged.

What was worked out of a day's rows is kept in the process under those rows' digest. The course of finished days is
so worked out once, and anew from the day on that late events open again.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import numpy as np

from reports.metrics import METRICS, QuantileRule
from reports.queries.metric_verdicts import JudgedRows, ReadoutWhy
from reports.queries.readout import TrialReadout
from reports.queries.verdict_cache import VerdictCache
from reports.stats.course import days_to_look, verdicts_by_day
from reports.stats.placebo import PlaceboStreet, placebo_street
from reports.stats.trial_grid import TrialGrid, grid_of
from reports.stats.trial_rows import Design, UnitRow
from reports.stats.verdict import TrialVerdict
from schemas.registry import MetricId, Trial, epoch_ms

MAX_LOOKS = 120
"""More days than this are looked at every second, third … day: more points than that cannot be told apart."""
BARS = 31
"""Of the picture of random splits."""


@dataclass(frozen=True, slots=True)
class CoursePoint:
    """What could be told of one arm after *day* (days since 1970-01-01, Shanghai's) was over, in the metric's unit."""

    day: int
    design: Design
    absolute: float | None
    low: float | None
    high: float | None
    why: ReadoutWhy | None


@dataclass(frozen=True, slots=True)
class PlaceboCount:
    """How many random splits look as good as the trial; in the unit that was judged, of a quantile shares of uses."""

    seen: float
    splits: int
    as_good: int
    as_far: int
    possible: float
    edges: tuple[float, ...]
    """Of the bars, from small to large; one more than there are bars."""
    bars: tuple[int, ...]
    """How many splits lie between two edges."""


@dataclass(frozen=True, slots=True)
class ArmCourse:
    """One arm against the baseline, day by day; and among random splits of the same days and places."""

    arm: str
    points: tuple[CoursePoint, ...]
    placebo: PlaceboCount | None
    """None where there is nothing to split."""


def courses(cache: VerdictCache, found: TrialReadout, trial: Trial, metric: MetricId) -> tuple[ArmCourse, ...]:
    """Return the course of *metric* for each arm but the baseline; nothing where *found* judged no such rows."""
    judged = found.judged.get(metric)
    if judged is None or found.baseline_arm is None or not judged.rows:
        return ()
    digests = dict(_digests(judged))
    days = list(_verdicts(cache, judged, digests))
    last = digests[max(digests)]
    return tuple(
        ArmCourse(
            arm,
            tuple(_point(judged, arm, day, verdict) for day, verdict in days),
            cache.take(("placebo", arm, placebo_seed(trial), last), partial(_split, judged, trial, metric, arm)),
        )
        for arm in trial.arms
        if arm != found.baseline_arm
    )


def _verdicts(
    cache: VerdictCache, judged: JudgedRows, digests: Mapping[int, bytes]
) -> Iterator[tuple[int, TrialVerdict]]:
    grid = grid_of(judged.rows)
    for columns in _looks(grid):
        day = int(grid.days[columns - 1])
        key = "verdict", digests[max(told for told in digests if told <= day)]
        yield day, cache.take(key, partial(_verdict_at, grid, judged, columns))


def _verdict_at(grid: TrialGrid, judged: JudgedRows, columns: int) -> TrialVerdict:
    (found,) = verdicts_by_day(grid, judged.asked, [columns])
    return found.verdict


def _looks(grid: TrialGrid) -> list[int]:
    """Return after which columns to look: the last one, and days that stay the same when the trial goes on."""
    found = days_to_look(grid)
    step = -(-len(found) // MAX_LOOKS)
    return [columns for columns in found if int(grid.days[columns - 1]) % step == 0 or columns == found[-1]]


def _digests(judged: JudgedRows) -> Iterator[tuple[int, bytes]]:
    """Yield each day that has a row, and a digest of all rows until then and of what is asked of them."""
    running = hashlib.blake2b(repr(judged.asked).encode(), digest_size=16)
    for day, rows in groupby(sorted(judged.rows, key=_day), key=_day):
        running.update(repr(sorted(map(tuple, rows))).encode())
        yield day, running.digest()


def _day(row: UnitRow) -> int:
    return row.day


def _point(judged: JudgedRows, arm: str, day: int, verdict: TrialVerdict) -> CoursePoint:
    told = verdict.lifts.get(arm)
    if told is None:
        return CoursePoint(day, verdict.design, None, None, None, "no_data")
    lift, why = (told, told.why) if judged.as_metric is None else judged.as_metric(arm, told)
    return CoursePoint(day, verdict.design, lift.absolute, lift.low, lift.high, why)


def _split(judged: JudgedRows, trial: Trial, metric: MetricId, arm: str) -> PlaceboCount | None:
    street = placebo_street(
        judged.rows,
        arm,
        baseline=judged.asked.baseline,
        seed=placebo_seed(trial),
        lower_is_better=_lower_is_better(metric),
    )
    return None if street is None else _counted(street)


def _counted(street: PlaceboStreet) -> PlaceboCount:
    """Return *street* with its differences counted into bars, so that a street can be kept."""
    bars, edges = np.histogram([*street.differences, street.seen], bins=BARS)
    at = min(int(np.searchsorted(edges, street.seen, side="right")) - 1, BARS - 1)
    bars[at] -= 1
    return PlaceboCount(
        seen=street.seen,
        splits=street.splits,
        as_good=street.as_good,
        as_far=street.as_far,
        possible=street.possible,
        edges=tuple(edges.tolist()),
        bars=tuple(bars.tolist()),
    )


def _lower_is_better(metric: MetricId) -> bool:
    better = METRICS[metric].better
    # Of a quantile the share of uses up to it is judged: the shorter uses are, the larger it is.
    return better == "higher" if isinstance(METRICS[metric].rule, QuantileRule) else better == "lower"


def placebo_seed(trial: Trial) -> int:
    """Return the seed of a trial's random splits: of what is registered, so that everybody draws the same."""
    told = trial.rota.seed if trial.rota else ""
    return int.from_bytes(hashlib.sha256(f"{trial.id} {epoch_ms(trial.starts)} {told}".encode()).digest()[:8])
