"""Which notes a report must have on what is not final or not known: their codes, from events and what is stated."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reports.health_rules import CHANGING, LOW_COVERAGE, REPLAYABLE
from reports.verification.leaves import Leaf
from reports.verification.readout import Readout
from schemas.event import parse_time_ms

Note = tuple[str, str]
"""Code and state."""


@dataclass(frozen=True)
class ReportNotes:
    """What the notes follow from."""

    readout: Readout
    recomputed: Mapping[str, Any]
    """The report's sections as they were computed anew."""
    tree: Mapping[str, Any]
    """The report, for what it states: rejects, settlement, until when late events are taken."""
    now_ms: int

    def told(self) -> list[dict[str, Leaf]]:
        """Return the notes as the report's JSON has them, without their words."""
        found = [*self._time(), *self._windows(), *self._rejects(), *self._judged(), *self._silence(), *self._outside()]
        if not any(code in CHANGING for code, _ in found):
            found = [("final", "good"), *found]
        return [{"code": code, "changes": code in CHANGING, "state": state} for code, state in found]

    def _time(self) -> Iterator[Note]:
        if self.now_ms < self.readout.days.trial.ends_ms:
            yield "running", "warning"
        elif self.now_ms < parse_time_ms(self.tree["late_until"]):
            yield "late_possible", "warning"

    def _windows(self) -> Iterator[Note]:
        arrivals = self.tree["arrivals"]
        if arrivals["settled_share"] is not None and arrivals["settled_windows"] < arrivals["windows"]:
            yield "unsettled", "warning"
        if any(block["reason"] == "unexplained" for block in self.tree["freshness"]["flagged"]):
            yield "unexplained", "bad"

    def _rejects(self) -> Iterator[Note]:
        if any(self.tree["arrivals"]["rejected"].get(reason) for reason in REPLAYABLE):
            yield "replayable", "warning"
        if self._unassigned:
            yield "unassigned", "unknown"

    def _judged(self) -> Iterator[Note]:
        trial = self.readout.days.trial
        judged = dict.fromkeys([*trial.primary_metrics, *trial.guardrails])
        metrics = {one["metric"]: one["arms"] for one in self.recomputed["readout"]["metrics"]}
        for metric in judged:
            if any(arm["reason"] is not None for arm in metrics[metric]):
                yield "no_interval", "unknown"
        lifts = (arm["lift"] for metric in judged for arm in metrics[metric] if arm["lift"] is not None)
        for _ in dict.fromkeys(lift["reason"] for lift in lifts if lift["reason"] is not None):
            yield "no_comparison", "unknown"

    def _silence(self) -> Iterator[Note]:
        shares = [placement["coverage"] for placement in self.recomputed["placements"]]
        if any(share is not None and share < LOW_COVERAGE for share in shares):
            yield "silent_placements", "warning"
        if self.readout.days.silent:
            yield "silent_units", "warning"

    def _outside(self) -> Iterator[Note]:
        days = self.readout.days
        if days.outside_events > self._unassigned:
            yield "no_place", "unknown"
        for code, found in (
            ("unfinished_day", days.unfinished), ("changed_arm", days.changed), ("carry_over", days.left_out)
        ):  # fmt: skip
            if found:
                yield code, "unknown"

    @property
    def _unassigned(self) -> int:
        return int(self.recomputed["arrivals"]["unassigned"])
