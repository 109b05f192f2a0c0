"""Trials without number: how often a verdict, looked at every day, excludes the truth, and what its width costs.

    python -m bench.science [--runs 2000] [--step 1] [--seed 1] [--only TEXT] [--write]

Each world of `worlds.py` is drawn anew in every run; placement-days differ by place (sd 0.5 logit unless said), by what
the street shares on a day (0.6) and by themselves (0.3). Of each: truths excluded at any look with the upper 95 %
bound of that share (C. J. Clopper, E. S. Pearson 1934), runs that speak by day 21, runs that fell silent after they
had spoken, and the last width against as many true standard deviations of the difference as one look of the same risk
takes (1.96; with five arms 2.50, since there, too, they share the risk), which only who knows the world could give.
Of several arms or metrics a truth is excluded where any interval does, and where any difference is told that there is
not, or the wrong way round: what is read of a trial, at once.
"""

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, ndtri

from bench.machine import RESULTS, machine
from bench.timed_shares import TimedShares
from bench.worlds import BEYOND, WORLDS, DrawnTrials, World, draw
from reports.stats.course import days_to_look
from reports.stats.level import level_of
from reports.stats.lifts import find_lift
from reports.stats.several import told_together
from reports.stats.trial_grid import TrialGrid
from reports.stats.trial_rows import Floats
from reports.stats.verdict import ALPHA, LiftInterval

SPEAKS_BY = 21
RESULT = RESULTS / "science.json"
FALSE_ALARMS_BEFORE: Mapping[str, float] = {
    "side by side": 0.41,
    "side by side, six places": 0.47,
    "one place an arm": 0.46,
}
"""Of 150 trials each, by the readout that took placement-days for units and one arm's interval from the other's."""
HEAD = (
    "trials",
    "runs",
    "truth left out (at most)",
    "a difference told",
    "told by who knows the world",
    "spoke by day 21",
    "fell silent",
    "width",
    "arm's own level left out (at most)",
    "its width (19 of 20 within)",
)
LEVEL_STEP = 7
"""Days between two looks at an arm's own level, which is no verdict."""
AT_ONCE = 100
"""Trials that are drawn and judged together, which is quicker by far."""


@dataclass(slots=True)
class Seen:
    """What the verdicts of many trials of one world came to."""

    runs: int = 0
    excluded: int = 0
    spoke: int = 0
    found: int = 0
    silenced: int = 0
    level_off: int = 0
    """Trials in which the bounds of the pilot's own level left out the truth on any day."""
    level_halves: list[float] = field(default_factory=list)
    level_values: list[float] = field(default_factory=list)
    level_truths: list[float] = field(default_factory=list)
    halves: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    truths: list[float] = field(default_factory=list)

    def shares(self, world: World) -> dict[str, float]:
        """Return the table's figures."""
        off = np.array(self.values) - np.array(self.truths)
        once = -float(ndtri(_each_risk(world) / 2))
        spread = once * float(np.std(off)) if self.values else math.nan
        told = [abs(value) > spread for value in self.values]
        no_level = bool(world.fades) or world.measure == "durations"
        level_widths = self.level_widths() if self.level_halves and not no_level else np.full(1, math.nan)
        return {
            "runs": self.runs,
            "excluded": self.excluded / self.runs,
            "excluded at most": upper_bound(self.excluded, self.runs),
            "told": self.found / self.runs,
            "told by who knows the world": sum(told) / max(len(told), 1),
            "spoke by day 21": self.spoke / self.runs,
            "fell silent": self.silenced / self.runs,
            "width": median(self.halves) / spread if self.halves and spread else math.nan,
            "level": math.nan if no_level else self.level_off / self.runs,
            "level at most": math.nan if no_level else upper_bound(self.level_off, self.runs),
            "level width": float(np.median(level_widths)),
            "level width, 19 of 20": float(np.quantile(level_widths, 0.95)),
        }

    def level_widths(self) -> Floats:
        """Return how wide each trial's last interval of the pilot's own level was, as the table counts it."""
        spread = -float(ndtri(ALPHA / 2)) * float(np.std(np.array(self.level_values) - np.array(self.level_truths)))
        widths: Floats = np.array(self.level_halves) / spread
        return widths


def upper_bound(count: int, runs: int) -> float:
    """Return the upper end of the two-sided 95 % interval of a share."""
    return 1.0 if count >= runs else float(betaincinv(count + 1, runs - count, 0.975))


def follow(world: World, *, runs: int, step: int, seed: int) -> Seen:
    """Return what *runs* trials came to that were looked at every *step* days until their end."""
    seen, rng = Seen(), np.random.default_rng(seed)
    at_once = 1 if world.silent else 20 if world.rota == "drawn" else AT_ONCE
    while seen.runs < runs:
        _follow_some(world, draw(world, min(at_once, runs - seen.runs), rng), step, seen)
    return seen


def _follow_some(world: World, trials: DrawnTrials, step: int, seen: Seen) -> None:
    grid, count = trials.grid, len(trials.truth)
    excluded, found, spoke, silenced, level_off = np.zeros((5, count), dtype=np.bool_)
    value, half, truth = np.full((3, count), math.nan)
    level: Levels | None = None
    for columns in days_to_look(grid, step):
        until, day = grid.until(columns), columns - trials.first_day
        if day % LEVEL_STEP == 0:
            level = _levels_at(until, trials) or level
            level_off |= level.off if level else False
        lifts = looks_at(world, trials, columns)
        lift = lifts[0]
        if lift is None:
            silenced |= ~np.isnan(value)
            continue
        truth = trials.truth[:, day - 1]
        told, directions = ~np.isnan(lift.low), directions_told(lifts)
        silenced |= ~told & ~np.isnan(value)
        excluded |= wrong_at(lifts, directions, truth)
        found |= directions[0] != 0
        spoke |= told & (day <= SPEAKS_BY)
        value, half = np.where(told, lift.value, value), np.where(told, (lift.high - lift.low) / 2, half)
    last = ~np.isnan(value)
    seen.runs += count
    kinds = {"excluded": excluded, "found": found, "spoke": spoke, "silenced": silenced, "level_off": level_off}
    for name, kind in kinds.items():
        setattr(seen, name, getattr(seen, name) + int(kind.sum()))
    for kept, column in ((seen.values, value), (seen.halves, half), (seen.truths, truth)):
        kept.extend(column[last].tolist())
    if level:
        seen.level_halves.extend(((level.high - level.low) / 2).tolist())
        seen.level_values.extend(level.value.tolist())
        seen.level_truths.extend(level.truth.tolist())


@dataclass(frozen=True, slots=True)
class Look:
    """What is told of one arm of each trial in one metric; no number where nothing is."""

    value: Floats
    low: Floats
    high: Floats
    p_value: Floats


def looks_at(world: World, trials: DrawnTrials, columns: int) -> list[Look | None]:
    """Return what is told of each arm but the baseline after so many days of the grid, metric by metric."""
    seen, shares = [grid.until(columns) for grid in (trials.grid, *trials.others)], None
    if trials.durations is not None:
        shares = TimedShares(seen[0], trials.durations[:, :, :columns])
        seen = [shares.grid]
    found: list[Look | None] = []
    for until, arm in product(seen, world.arm_names[1:]):
        lift = find_lift(until, arm, "baseline", _each_risk(world))
        if lift.difference is None or lift.low is None or lift.high is None or lift.p_value is None:
            found.append(None)
            continue
        look = lift.difference.value, lift.low, lift.high
        found.append(Look(*(shares.in_ms(arm, *look) if shares else look), lift.p_value))
    return found


def _each_risk(world: World) -> float:
    """Return the even share of the risk that each arm's interval has in each metric."""
    return ALPHA / (world.arms - 1) / world.metrics


def wrong_at(lifts: Sequence[Look | None], directions: Sequence[Floats], truth: Floats) -> npt.NDArray[np.bool_]:
    """Return in which trials an interval leaves out what is true, or a difference is told that there is not.

    The first one's is *truth*; the others have none.
    """
    wrong = np.zeros(len(truth), dtype=np.bool_)
    for number, (lift, direction) in enumerate(zip(lifts, directions, strict=True)):
        if lift is not None:
            true = truth if number == 0 else np.zeros_like(truth)
            wrong |= (true < lift.low) | (true > lift.high) | ((direction != 0) & (direction != np.sign(true)))
    return wrong


def directions_told(lifts: Sequence[Look | None]) -> list[Floats]:
    """Return which way each question's difference is told in each trial, all questions counted; 0: it is not."""
    seen = {str(number): lift for number, lift in enumerate(lifts) if lift is not None}
    directions = {name: np.zeros(len(lift.value)) for name, lift in seen.items()}
    if len(lifts) == 1:
        return [np.nan_to_num(np.sign(lift.low) * ((lift.low > 0) | (lift.high < 0))) for lift in seen.values()]
    unseen = {str(number): LiftInterval() for number, lift in enumerate(lifts) if lift is None}
    for trial in range(len(next(iter(directions.values())))):
        p_values = {name: float(lift.p_value[trial]) for name, lift in seen.items()}
        asked = {name: LiftInterval(p_value=None if math.isnan(p) else p) for name, p in p_values.items()}
        for name in told_together({**unseen, **asked}):
            directions[name][trial] = np.sign(seen[name].value[trial])
    return [directions.get(str(number), np.zeros(0)) for number in range(len(lifts))]


@dataclass(frozen=True, slots=True)
class Levels:
    """The pilot's own level in each trial, its bounds, and what it is in the places that had it."""

    value: Floats
    low: Floats
    high: Floats
    truth: Floats

    @property
    def off(self) -> npt.NDArray[np.bool_]:
        """Return of which trials the bounds leave out the truth."""
        off: npt.NDArray[np.bool_] = (self.truth < self.low) | (self.truth > self.high)
        return off


def _levels_at(until: TrialGrid, trials: DrawnTrials) -> Levels | None:
    level = level_of(until, "pilot", ALPHA)
    if level.low is None or level.high is None:
        return None
    expected = np.broadcast_to(trials.expected, trials.grid.top.shape)[..., : until.arm.shape[1]]
    weight = np.where(until.arm == until.number("pilot"), until.bottom, 0.0)
    truth = np.sum(weight * expected, axis=(-1, -2)) / np.sum(weight, axis=(-1, -2))
    return Levels(level.value, level.low, level.high, truth)


def table(found: Mapping[str, Any]) -> str:
    """Return what was wrong before and is now, the worlds, and those beyond what is promised."""
    worlds = found["worlds"]
    before = [
        (name, f"{100 * share:.0f} %", f"{100 * worlds[name]['excluded']:.1f} %")
        for name, share in FALSE_ALARMS_BEFORE.items()
        if name in worlds
    ]
    missing = [name for name in (*WORLDS, *BEYOND) if name not in worlds]
    parts = [
        _lines(("no effect at all", "false alarms before", "now"), before),
        _lines(HEAD, [_row(name, worlds[name]) for name in WORLDS if name in worlds]),
        "Beyond what is promised:",
        _lines(HEAD, [_row(name, worlds[name]) for name in BEYOND if name in worlds]),
        *([f"Not drawn by today's method yet: {'; '.join(missing)}."] if missing else []),
        f"Drawn and judged on {found['machine']['text']}; `{found['command']}`.",
    ]
    return "\n\n".join(parts)


def _row(name: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    width = "–" if row["width"] is None else f"{row['width']:.2f} ×"
    wrong = f"{100 * row['excluded']:.1f} % ({100 * row['excluded at most']:.1f} %)"
    shares = (f"{100 * row[key]:.0f} %" for key in ("told", "told by who knows the world", "spoke by day 21"))
    level = "–" if row["level"] is None else f"{100 * row['level']:.1f} % ({100 * row['level at most']:.1f} %)"
    pair = row["level width"], row["level width, 19 of 20"]
    own = "–" if None in pair else f"{pair[0]:.2f} × ({pair[1]:.1f} ×)"
    silent = f"{100 * row['fell silent']:.1f} %"
    return name, f"{row['runs']:,}", wrong, *shares, silent, width, level, own


def _lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows))


def main() -> int:
    """Print a line for each world, and keep what a whole table came to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--step", type=int, default=1, help="days between two looks")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="worlds whose name has this in it")
    parser.add_argument("--write", action="store_true", help="keep the figures in bench/results/science.json")
    asked = parser.parse_args()
    kept = _kept() if asked.write else {}
    for name, world in {**WORLDS, **BEYOND}.items():
        if asked.only in name:
            seen = follow(world, runs=asked.runs, step=asked.step, seed=asked.seed)
            figures = {key: _rounded(value) for key, value in seen.shares(world).items()}
            print(json.dumps({"world": name, **figures}), flush=True)
            kept[name] = figures
            if asked.write:
                _keep(kept, f"python -m bench.science --runs {asked.runs} --step {asked.step} --seed {asked.seed}")
    return 0


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def _kept() -> dict[str, Any]:
    return dict(json.loads(RESULT.read_text())["worlds"]) if RESULT.exists() else {}


def _keep(worlds: Mapping[str, Any], command: str) -> None:
    ordered = {name: worlds[name] for name in (*WORLDS, *BEYOND) if name in worlds}
    kept = {"what": "verdicts over drawn trials", "machine": machine(), "command": command, "worlds": ordered}
    RESULT.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
