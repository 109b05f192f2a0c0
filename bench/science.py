"""Trials without number: how often a verdict, looked at every day, excludes the truth, and what its width costs.

    python -m bench.science [--runs 200] [--days 60] [--step 1] [--seed 1]

Each world draws places, days and uses anew; placement-days differ by place (sd 0.5 logit unless said), by what the
street shares on a day (0.6) and by themselves (0.3). Of each: false alarms and truths excluded at any look, runs that
speak by day 21, and the last width against 1.96 true standard deviations of the difference, which knows the world.
"""

import argparse
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from reports.stats import judge
from reports.stats.trial_rows import UnitRow

Rota = Literal["by day", "by week", "all at once", "drawn", "before and after", "side by side"]
FIRST_LOOK = 7
SPEAKS_BY = 21
BEFORE_DAYS = 14
ARMS = ("baseline", "pilot")


@dataclass(frozen=True, slots=True)
class World:
    """What is drawn. Standard deviations are of logits; *effect* is in points of the success rate."""

    rota: Rota
    places: int = 3
    """An arm's."""
    place: float = 0.5
    street: float = 0.6
    own: float = 0.3
    carried: float = 0.0
    """How much of a placement-day's own luck goes on to the next day (AR 1)."""
    week: float = 0.0
    uses: float = 40.0
    pareto: bool = False
    """Whether places differ in traffic, as Pareto's law with 1.5 has it."""
    rate: float = 0.8
    effect: float = 0.0


WORLDS: Mapping[str, World] = {
    "switching by day": World("by day"),
    "switching by day, six places": World("by day", places=6),
    "switching by day, luck carried over": World("by day", carried=0.5),
    "switching by day, unequal traffic": World("by day", pareto=True),
    "switching by day, weekdays": World("by day", week=0.5),
    "switching by week, luck carried over": World("by week", carried=0.5),
    "switching everywhere at once": World("all at once"),
    "switching as drawn": World("drawn"),
    "switching by day, +8 points": World("by day", rate=0.75, effect=0.08),
    "before and after": World("before and after"),
    "before and after, luck carried over": World("before and after", carried=0.5),
    "before and after, unequal traffic": World("before and after", pareto=True),
    "before and after, weekdays": World("before and after", week=0.5, street=0.3),
    "before and after, +8 points": World("before and after", rate=0.75, effect=0.08),
    "side by side": World("side by side"),
    "side by side, places alike": World("side by side", place=0.0),
    "side by side, six places": World("side by side", places=6),
}


@dataclass(slots=True)
class Seen:
    """What the verdicts of many trials of one world came to."""

    runs: int = 0
    excluded: int = 0
    spoke: int = 0
    found: int = 0
    halves: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def shares(self) -> dict[str, float]:
        """Return the table's figures."""
        spread = float(np.std(self.values)) if self.values else math.nan
        told = [abs(value) > 1.96 * spread for value in self.values]
        return {
            "excluded": self.excluded / self.runs,
            "told": self.found / self.runs,
            "told by who knows the world": sum(told) / max(len(told), 1),
            "spoke by day 21": self.spoke / self.runs,
            "width": median(self.halves) / (1.96 * spread) if self.halves and spread else math.nan,
        }


def rows_of(world: World, days: int, rng: np.random.Generator) -> tuple[list[UnitRow], int]:
    """Return one trial's rows, and how many days come before it."""
    before = BEFORE_DAYS if world.rota == "before and after" else 0
    shape = (2 * world.places, before + days)
    arms = _arms(world, shape, before, rng)
    chance = _chance(world, shape, rng)
    chance = np.clip(chance + world.effect * arms, 0, 1)
    traffic = world.uses * (rng.pareto(1.5, shape[0]) + 0.3) if world.pareto else np.full(shape[0], world.uses)
    uses = np.maximum(1, rng.poisson(np.maximum(traffic, 3)[:, None] * np.ones(shape[1])))
    done = rng.binomial(uses, chance)
    rows = []
    for place in range(shape[0]):
        for day in range(shape[1]):
            period, arm = ("before", "") if day < before else ("trial", ARMS[int(arms[place, day])])
            parts = float(done[place, day]), float(uses[place, day])
            rows.append(UnitRow(period, arm, f"place-{place}", day, *parts))
    return rows, before


def _arms(world: World, shape: tuple[int, int], before: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    place, day = np.arange(shape[0])[:, None], np.arange(shape[1])[None, :]
    match world.rota:
        case "by day":
            return (place + day) % 2
        case "by week":
            return (place + day // 7) % 2
        case "all at once":
            return (0 * place + day) % 2
        case "drawn":
            return rng.integers(0, 2, shape)
        case _:
            return ((place < world.places) & (day >= before)).astype(np.int64)


def _chance(world: World, shape: tuple[int, int], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    own = rng.normal(0, world.own, shape)
    for day in range(1, shape[1]):
        own[:, day] = world.carried * own[:, day - 1] + math.sqrt(1 - world.carried**2) * own[:, day]
    street = rng.normal(0, world.street, shape[1]) + world.week * np.sin(2 * math.pi * np.arange(shape[1]) / 7)
    logit = math.log(world.rate / (1 - world.rate)) + rng.normal(0, world.place, shape[0])[:, None] + street + own
    chance: npt.NDArray[np.float64] = 1 / (1 + np.exp(-logit))
    return chance


def follow(world: World, *, runs: int, days: int, step: int, seed: int) -> Seen:
    """Return what *runs* trials came to that were looked at every *step* days until day *days*."""
    seen, rng = Seen(), np.random.default_rng(seed)
    for _ in range(runs):
        rows, before = rows_of(world, days, rng)
        # The last day is a look whatever the step.
        looks = range(days, FIRST_LOOK - 1, -step)[::-1]
        _follow_one(world, rows, [before + day for day in looks], before, seen)
    return seen


def _follow_one(world: World, rows: list[UnitRow], looks: list[int], first_day: int, seen: Seen) -> None:
    excluded = found = spoke = False
    last = None
    for until in looks:
        lift = judge([row for row in rows if row.day < until]).lifts["pilot"]
        if lift.absolute is None or lift.low is None or lift.high is None:
            continue
        last = lift.absolute, (lift.high - lift.low) / 2
        excluded |= not lift.low <= world.effect <= lift.high
        found |= not lift.low <= 0 <= lift.high
        spoke |= until - first_day <= SPEAKS_BY
    seen.runs += 1
    seen.excluded += excluded
    seen.found += found
    seen.spoke += spoke
    if last is not None:
        seen.values.append(last[0])
        seen.halves.append(last[1])


def main() -> int:
    """Print a line for each world."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="worlds whose name has this in it")
    asked = parser.parse_args()
    for name, world in WORLDS.items():
        if asked.only in name:
            seen = follow(world, runs=asked.runs, days=asked.days, step=asked.step, seed=asked.seed)
            figures: dict[str, Any] = {key: round(value, 3) for key, value in seen.shares().items()}
            print(json.dumps({"world": name, **figures}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
