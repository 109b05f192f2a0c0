"""Trials without number: how often a verdict, looked at every day, excludes the truth, and what its width costs.

    python -m bench.science [--runs 2000] [--step 1] [--seed 1] [--only TEXT] [--write]

Each world of `worlds.py` is drawn anew in every run; placement-days differ by place (sd 0.5 logit unless said), by what
the street shares on a day (0.6) and by themselves (0.3). Of each: truths excluded at any look with the upper 95 %
bound of that share (C. J. Clopper, E. S. Pearson 1934), runs that speak by day 21, runs that fell silent after they
had spoken, and the last width against 1.96 true standard deviations of the difference, which knows the world.
"""

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np
from scipy.special import betaincinv

from bench.machine import RESULTS, machine
from bench.worlds import BEYOND, WORLDS, DrawnTrials, World, draw
from reports.stats.course import days_to_look
from reports.stats.lifts import find_lift
from reports.stats.verdict import ALPHA

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
    "width",
)
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
    halves: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    truths: list[float] = field(default_factory=list)

    def shares(self) -> dict[str, float]:
        """Return the table's figures."""
        off = np.array(self.values) - np.array(self.truths)
        spread = float(np.std(off)) if self.values else math.nan
        told = [abs(value) > 1.96 * spread for value in self.values]
        return {
            "runs": self.runs,
            "excluded": self.excluded / self.runs,
            "excluded at most": upper_bound(self.excluded, self.runs),
            "told": self.found / self.runs,
            "told by who knows the world": sum(told) / max(len(told), 1),
            "spoke by day 21": self.spoke / self.runs,
            "fell silent": self.silenced / self.runs,
            "width": median(self.halves) / (1.96 * spread) if self.halves and spread else math.nan,
        }


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
    excluded, found, spoke, silenced = np.zeros((4, count), dtype=np.bool_)
    value, half, truth = np.full((3, count), math.nan)
    for columns in days_to_look(grid, step):
        day = columns - trials.first_day
        lift = find_lift(grid.until(columns), "pilot", "baseline", ALPHA / (world.arms - 1))
        if lift.difference is None or lift.low is None or lift.high is None:
            silenced |= ~np.isnan(value)
            continue
        truth = trials.truth[:, day - 1]
        told = ~np.isnan(lift.low)
        silenced |= ~told & ~np.isnan(value)
        excluded |= (truth < lift.low) | (truth > lift.high)
        found |= (lift.low > 0) | (lift.high < 0)
        spoke |= told & (day <= SPEAKS_BY)
        value, half = np.where(told, lift.difference.value, value), np.where(told, (lift.high - lift.low) / 2, half)
    last = ~np.isnan(value)
    seen.runs += count
    for name, kind in (("excluded", excluded), ("found", found), ("spoke", spoke), ("silenced", silenced)):
        setattr(seen, name, getattr(seen, name) + int(kind.sum()))
    for kept, column in ((seen.values, value), (seen.halves, half), (seen.truths, truth)):
        kept.extend(column[last].tolist())


def table(found: Mapping[str, Any]) -> str:
    """Return what was wrong before and is now, the worlds, and those beyond what is promised."""
    worlds = found["worlds"]
    before = [
        (name, f"{100 * share:.0f} %", f"{100 * worlds[name]['excluded']:.1f} %")
        for name, share in FALSE_ALARMS_BEFORE.items()
        if name in worlds
    ]
    parts = [
        _lines(("no effect at all", "false alarms before", "now"), before),
        _lines(HEAD, [_row(name, worlds[name]) for name in WORLDS if name in worlds]),
        "Beyond what is promised:",
        _lines(HEAD, [_row(name, worlds[name]) for name in BEYOND if name in worlds]),
        f"Drawn and judged on {found['machine']['text']}; `{found['command']}`.",
    ]
    return "\n\n".join(parts)


def _row(name: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    width = "–" if row["width"] is None else f"{row['width']:.2f} ×"
    wrong = f"{100 * row['excluded']:.1f} % ({100 * row['excluded at most']:.1f} %)"
    shares = (f"{100 * row[key]:.0f} %" for key in ("told", "told by who knows the world", "spoke by day 21"))
    return name, f"{row['runs']:,}", wrong, *shares, width


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
            figures = {key: _rounded(value) for key, value in seen.shares().items()}
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
