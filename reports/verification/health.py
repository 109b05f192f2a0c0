"""The health list, computed anew from the extract: how each line is, what it finds, and the numbers in it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from reports.health_rules import (
    APART,
    COVERED,
    DEAD_MS,
    ENOUGH_SEEN,
    FEW_CROSSING,
    FEW_SILENT,
    MANY_SILENT,
    MISSED,
    POORLY_COVERED,
    QUIET_MS,
)
from reports.stats.balance import balance
from reports.verification.due_time import due_spans, length
from reports.verification.leaves import Leaf
from reports.verification.readout import Readout
from reports.verification.rhythm import Rhythm
from schemas.registry import MetricId


@dataclass(frozen=True)
class RecomputedLine:
    """One line, without its words."""

    check: str
    state: str
    finding: str
    numbers: Mapping[str, Leaf] = field(default_factory=dict)
    names: tuple[str, ...] = ()

    def told(self) -> dict[str, Any]:
        """Return the line as the report's JSON has it."""
        return {
            "check": self.check,
            "state": self.state,
            "finding": self.finding,
            "numbers": dict(self.numbers),
            "names": list(self.names),
        }


@dataclass(frozen=True)
class HealthList:
    """What the health list of a report is made from."""

    readout: Readout
    said: Mapping[str, Any]
    """The readout as it was computed anew."""
    rhythm: Rhythm
    shares: Mapping[MetricId, Leaf]
    """Coverage and uptime of the whole trial."""
    stated: Mapping[str, Any]
    """The report's freshness, which no event proves."""

    def told(self) -> list[dict[str, Any]]:
        """Return the lines in the report's order."""
        return [line.told() for line in self._lines()]

    def _lines(self) -> Iterator[RecomputedLine]:
        yield self._arriving()
        yield self._units()
        yield self._silent()
        yield self._balance()
        yield self._coverage()
        yield self._placements()
        yield self._blocks()
        yield self._flagged()
        silent = tuple(self.readout.days.trial.platforms_without_refunds)
        if silent:
            yield RecomputedLine("refunds", "unknown", "not_told", {"platforms": len(silent)}, silent)
        yield from self._crossover()

    @property
    def _over(self) -> bool:
        return self.rhythm.now_ms >= self.readout.days.trial.ends_ms

    @cached_property
    def _due(self) -> Mapping[str, int]:
        return self.readout.days.by_arm(self.readout.days.due)

    @cached_property
    def _counted(self) -> Mapping[str, int]:
        return self.readout.days.by_arm(self.readout.days.counted)

    def _arriving(self) -> RecomputedLine:
        trial, last_ms = self.readout.days.trial, self.rhythm.last_ms
        if last_ms is None:
            return RecomputedLine("arriving", "unknown", "waiting")
        if self._over:
            return RecomputedLine("arriving", "good", "over", {"last_ms": last_ms})
        quiet_ms = max((length(due_spans(trial, p, last_ms, self.rhythm.now_ms)) for p in trial.placements), default=0)
        expected = self.rhythm.expected_since(last_ms, trial.placements)
        # It is frozen as of a moment up to which data are complete, so nothing lags behind that.
        numbers: dict[str, Leaf] = {"last_ms": last_ms, "lag_s": 0.0, "quiet_ms": quiet_ms, "expected": expected}
        if not (quiet_ms >= QUIET_MS if expected is None else expected >= MISSED):
            return RecomputedLine("arriving", "good", "usual_rhythm", numbers)
        return RecomputedLine("arriving", "bad" if quiet_ms >= DEAD_MS else "warning", "quiet", numbers)

    def _units(self) -> RecomputedLine:
        days = self.readout.days
        due, seen, planned = len(days.due), len(days.counted), days.trial.planned_units
        numbers: dict[str, Leaf] = {
            "due": due,
            "seen": seen,
            "planned": planned,
            "unfinished": len(days.unfinished),
            "changed": len(days.changed),
            "outside_events": days.outside_events,
        }
        wanted = max(due, planned or 0) if self._over else due
        return RecomputedLine(
            "units", "unknown" if not due else "good" if seen >= ENOUGH_SEEN * wanted else "warning", "counted", numbers
        )

    def _silent(self) -> RecomputedLine:
        silent = self.readout.days.by_arm(self.readout.days.silent)
        shares = [silent[arm] / due for arm, due in self._due.items() if due]
        numbers: dict[str, Leaf] = {f"silent_{arm}": n for arm, n in silent.items()}
        numbers |= {f"due_{arm}": n for arm, n in self._due.items()}
        if not shares:
            return RecomputedLine("silent", "unknown", "none_due", numbers)
        if not max(shares):
            return RecomputedLine("silent", "good", "none_silent", numbers)
        lifts = self._primary_lifts()
        changes = any(lift["silence"] and lift["silence"]["changes"] for lift in lifts)
        judged = any(lift["absolute_interval"] is not None for lift in lifts)
        finding = "would_change" if changes else "would_hold" if judged else "not_judged"
        if changes or max(shares) >= MANY_SILENT or max(shares) - min(shares) >= APART:
            return RecomputedLine("silent", "bad", finding, numbers)
        return RecomputedLine("silent", "good" if max(shares) <= FEW_SILENT else "warning", finding, numbers)

    def _balance(self) -> RecomputedLine:
        checked = balance(self._due, self._counted)
        numbers: dict[str, Leaf] = {"p_value": checked.p_value, **self._counted}
        if checked.p_value is None:
            return RecomputedLine("balance", "unknown", "no_two_arms", numbers)
        if checked.alarming:
            return RecomputedLine("balance", "bad", "unequal", numbers)
        shares = [self._counted[arm] / due for arm, due in self._due.items() if due]
        if max(shares) - min(shares) >= APART:
            return RecomputedLine("balance", "warning", "unlike", numbers)
        return RecomputedLine("balance", "good", "as_planned", numbers)

    def _coverage(self) -> RecomputedLine:
        known = [float(share) for share in self.shares.values() if isinstance(share, int | float)]
        numbers = {"coverage": self.shares["coverage"], "uptime": self.shares["uptime"]}
        if self.shares["coverage"] is None:
            return RecomputedLine("coverage", "unknown", "none_due", numbers)
        worst = min(known)
        state = "good" if worst >= COVERED else "warning" if worst >= POORLY_COVERED else "bad"
        return RecomputedLine("coverage", state, "counted", numbers)

    def _placements(self) -> RecomputedLine:
        states = [self.rhythm.state_of(placement) for placement in self.readout.days.trial.placements]
        due = [state for state in states if state != "closed"]
        up = due.count("reporting")
        numbers: dict[str, Leaf] = {"reporting": up, "due": len(due)}
        if not due:
            return RecomputedLine("placements", "unknown", "none_due", numbers)
        state = "good" if up == len(due) else "warning" if up else "bad"
        return RecomputedLine("placements", state, "counted", numbers)

    def _blocks(self) -> RecomputedLine:
        numbers: dict[str, Leaf] = {"fewest": min(self._counted.values(), default=0)}
        judged = self._primary_lifts() if len(self.readout.days.trial.arms) > 1 else self._primary_arms()
        why = next((one["reason"] for one in judged if one["reason"] is not None), None)
        if why is None:
            return RecomputedLine("blocks", "good", "judged", numbers)
        not_yet = why == "one_place" and self.readout.planned_design == "switching"
        return RecomputedLine("blocks", "warning", "not_yet_changed" if not_yet else why, numbers)

    def _flagged(self) -> RecomputedLine:
        """Return the line of what is being recomputed, which follows from the freshness that is stated."""
        windows, rejected = self.stated["flagged_windows"], self.stated["rejected"]
        numbers: dict[str, Leaf] = {"flagged": windows, "rejected": rejected}
        if not windows:
            return RecomputedLine("flagged", "good", "none_flagged", numbers)
        unexplained = any(block["reason"] == "unexplained" for block in self.stated["flagged"])
        return RecomputedLine("flagged", "bad" if unexplained else "warning", "flagged", numbers)

    def _crossover(self) -> Iterator[RecomputedLine]:
        found = self.said["crossover"]
        if found and found["both"]:
            state = "good" if found["both"] <= FEW_CROSSING * found["people"] else "warning"
            yield RecomputedLine("crossover", state, "both_arms", found)

    def _primary_arms(self) -> list[Mapping[str, Any]]:
        return [arm for metric in self.said["metrics"] if metric["role"] == "primary" for arm in metric["arms"]]

    def _primary_lifts(self) -> list[Mapping[str, Any]]:
        return [arm["lift"] for arm in self._primary_arms() if arm["lift"] is not None]
