"""How the primary metric's verdict came to be, what silence could change and what chance alone shows, computed anew."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np

from reports.metrics import METRICS, Metric, QuantileRule
from reports.stats.course import days_to_look, verdicts_by_day
from reports.stats.placebo import placebo_street
from reports.stats.quantiles import arm_lift_in_ms
from reports.stats.trial_grid import grid_of
from reports.stats.verdict import TrialVerdict
from reports.verification.readout import Readout, RecomputedVerdict
from schemas.registry import MetricId
from schemas.timing import DAY_MS

MAX_LOOKS = 120
"""More days than this are told every second, third … day."""
BARS = 31


def verdict(readout: Readout, metric: MetricId) -> dict[str, Any]:
    """Return the report's section on the verdict of *metric*, the primary one, as its JSON has it."""
    found, trial = readout.verdict(METRICS[metric]), readout.days.trial
    told = not found.untold and bool(found.rows) and readout.baseline is not None
    others = [arm for arm in trial.arms if arm != readout.baseline] if told else []
    days = list(_days(found)) if others else []
    return {
        "metric": metric,
        "arms": [
            {
                "arm": arm,
                "course": [_point(found, arm, day, one) for day, one in days],
                "silence": readout.silence_ends(METRICS[metric], arm),
                "placebo": _placebo(readout, METRICS[metric], found, arm),
            }
            for arm in others
        ],
    }


def _days(found: RecomputedVerdict) -> Iterator[tuple[int, TrialVerdict]]:
    grid = grid_of(found.rows)
    looks = days_to_look(grid)
    step = -(-len(looks) // MAX_LOOKS)
    chosen = [columns for columns in looks if int(grid.days[columns - 1]) % step == 0 or columns == looks[-1]]
    for one in verdicts_by_day(grid, found.asked, chosen):
        yield one.day, one.verdict


def _point(found: RecomputedVerdict, arm: str, day: int, one: TrialVerdict) -> tuple[Any, ...]:
    date = datetime.fromtimestamp(day * DAY_MS // 1000, UTC).date().isoformat()
    if arm not in one.lifts:
        return date, None, None, None, "no_data", one.design
    lift, why = one.lifts[arm], one.lifts[arm].why
    if found.durations:
        lift, told = arm_lift_in_ms(lift, found.durations[arm], found.durations.get(found.asked.baseline))
        return date, lift.absolute, lift.low, lift.high, told, one.design
    return date, lift.absolute, lift.low, lift.high, why, one.design


def _placebo(readout: Readout, metric: Metric, found: RecomputedVerdict, arm: str) -> dict[str, Any] | None:
    # Of a quantile the share of uses up to it is split: the shorter uses are, the larger it is.
    good = "higher" if isinstance(metric.rule, QuantileRule) else "lower"
    street = placebo_street(
        found.rows,
        arm,
        baseline=found.asked.baseline,
        seed=_seed(readout),
        lower_is_better=metric.better == good,
    )
    if street is None:
        return None
    bars, edges = np.histogram([*street.differences, street.seen], bins=BARS)
    bars[min(int(np.searchsorted(edges, street.seen, side="right")) - 1, BARS - 1)] -= 1
    return {
        "seen": street.seen,
        "splits": street.splits,
        "as_good": street.as_good,
        "as_far": street.as_far,
        "possible": street.possible,
        "edges": edges.tolist(),
        "bars": bars.tolist(),
    }


def _seed(readout: Readout) -> int:
    """Return the seed of the random splits: of what is registered, so that everybody draws the same."""
    trial = readout.days.trial
    said = f"{trial.trial} {trial.starts_ms} {trial.rota.seed if trial.rota else ''}"
    return int.from_bytes(hashlib.sha256(said.encode()).digest()[:8])
