"""The readout on a trial's page: primary metric and guardrails with their intervals, drawn and in plain words."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from registry.directory import Directory
from reports.metrics import METRICS
from reports.presentation.formats import NOTHING, LocaleFormatter
from reports.presentation.language import Translator
from reports.presentation.names import arm_name
from reports.queries.model import Number
from reports.queries.readout import ArmLift, ArmReadout, TrialReadout
from schemas.registry import MetricId, Trial

PLOT_WIDTH = 220
PLOT_MARGIN = 8


@dataclass(frozen=True, slots=True)
class ReadoutPage:
    """One readout in one language."""

    found: TrialReadout
    trial: Trial
    directory: Directory
    words: Translator

    @property
    def _formats(self) -> LocaleFormatter:
        return LocaleFormatter(self.words)

    def values(self) -> dict[str, Any]:
        """Return what the template needs: a block for each metric, with a row for each arm."""
        blocks = groupby(self.found.rows, key=lambda row: row.metric)
        return {
            "blocks": [self._block(metric, list(rows)) for metric, rows in blocks],
            "confidence": self._formats.whole(100 * (1 - self.found.alpha)),
            "compared": self.found.baseline_arm is not None,
            "baseline": arm_name(self.found.baseline_arm or "", self.words) if self.found.baseline_arm else "",
            "width": PLOT_WIDTH,
        }

    def _block(self, metric: MetricId, rows: Sequence[ArmReadout]) -> dict[str, Any]:
        roles = {"primary": self.words.say("Primary metric"), "guardrail": self.words.say("Guardrail")}
        per_unit = any(row.total is not None for row in rows)
        return {
            "id": metric,
            "name": self.words.pick(METRICS[metric].name),
            "per_unit": self.words.say("per placement-day") if per_unit else "",
            "role": rows[0].role,
            "role_name": roles.get(rows[0].role, ""),
            "rows": [self._row(row, plot) for row, plot in zip(rows, plots(rows), strict=True)],
        }

    def _row(self, row: ArmReadout, plot: dict[str, float] | None) -> dict[str, Any]:
        verdict, state = self._verdict(row)
        return {
            "arm": arm_name(row.arm, self.words),
            "arm_id": row.arm,
            "estimate": self._value(row.metric, row.estimate),
            "interval": self._between(row.metric, row.low, row.high),
            "why": self._why(row),
            "units": self.words.count(
                "%(n)s placement-day", "%(n)s placement-days", row.units, n=self._formats.whole(row.units)
            ),
            "n": self._formats.whole(row.n),
            "plot": plot,
            "lift": self._lift(row.metric, row.lift),
            "lift_interval": self._lift_interval(row.metric, row.lift),
            "verdict": verdict,
            "verdict_state": state,
        }

    def _value(self, metric: MetricId, value: Number | None) -> str:
        """Return an estimate; counts are means per placement-day and keep a decimal."""
        whole = METRICS[metric].unit in {"events", "people", "sessions"}
        if value is not None and whole:
            return self._formats.decimal(value, 1)
        return self._formats.metric(metric, value)

    def _between(self, metric: MetricId, low: Number | None, high: Number | None) -> str:
        if low is None or high is None:
            return ""
        return f"{self._value(metric, low)} – {self._value(metric, high)}"

    def _why(self, row: ArmReadout) -> str:
        match row.why:
            case "no_data":
                return self.words.say("nothing to compute from yet")
            case "too_few_blocks" | "too_skewed":
                return self._not_enough(row)
            case "not_reported":
                return self.words.say("refunds of this platform are not reported")
            case "no_spread":
                return self.words.say("every placement-day is the same so far: no interval can be told")
            case _:
                return ""

    def _not_enough(self, row: ArmReadout) -> str:
        """Say how long it will be: units come one for each place of the arm and day."""
        places = {
            p.place_id for p in self.directory.placed.values() if p.trial_id == self.trial.id and row.arm in p.arms
        }
        missing = (row.needed_units or 0) - row.units
        if not places or missing <= 0:
            return self.words.say("not enough yet")
        days = -(-missing // len(places))
        return self.words.count(
            "not enough yet, about %(n)s day more", "not enough yet, about %(n)s days more", days, n=days
        )

    def _lift(self, metric: MetricId, lift: ArmLift | None) -> str:
        if lift is None:
            return ""
        if METRICS[metric].unit == "share":
            return self._points(lift.absolute)
        return self._signed_percent(lift.relative)

    def _lift_interval(self, metric: MetricId, lift: ArmLift | None) -> str:
        if lift is None:
            return ""
        if METRICS[metric].unit == "share":
            low, high = lift.absolute_low, lift.absolute_high
            return "" if low is None or high is None else self._range(self._points(low, unit=False), self._points(high))
        low, high = lift.relative_low, lift.relative_high
        return "" if low is None or high is None else self._range(self._signed_percent(low), self._signed_percent(high))

    def _range(self, low: str, high: str) -> str:
        return self.words.say("%(low)s to %(high)s", low=low, high=high)

    def _points(self, difference: float, *, unit: bool = True) -> str:
        number = signed(difference, self._formats.decimal(abs(difference) * 100, 1))
        return self.words.say("%(n)s points", n=number) if unit else number

    def _signed_percent(self, share: float | None) -> str:
        return NOTHING if share is None else signed(share, self._formats.percent(abs(share)))

    def _verdict(self, row: ArmReadout) -> tuple[str, str]:
        """Return what may be said of an arm against the baseline, and how it is marked."""
        if row.lift is None:
            return "", ""
        low, high = row.lift.absolute_low, row.lift.absolute_high
        if low is None or high is None:
            return self.words.say("too early to judge"), "unknown"
        if low <= 0 <= high:
            return self.words.say("no difference shown so far"), "unknown"
        better = METRICS[row.metric].better
        if better == "neither":
            return self.words.say("differs from the baseline"), "unknown"
        if (low > 0) == (better == "higher"):
            return self.words.say("better than the baseline"), "good"
        return self.words.say("worse than the baseline"), "bad"


def signed(number: float, text: str) -> str:
    """Return *text*, of a magnitude, with the sign of *number*."""
    return f"{'−' if number < 0 else '+'}{text}"


def plots(rows: Sequence[ArmReadout]) -> list[dict[str, float] | None]:
    """Return where each estimate and its interval lie in a box as wide as `PLOT_WIDTH`, on one scale for all *rows*."""
    known = [v for row in rows for v in (row.estimate, row.low, row.high) if v is not None]
    if not known:
        return [None] * len(rows)
    low, high = min(known), max(known)
    return [_plot(row, low, high) for row in rows]


def _plot(row: ArmReadout, low: float, high: float) -> dict[str, float] | None:
    if row.estimate is None:
        return None

    def x(value: float | None) -> float:
        share = (value - low) / (high - low) if value is not None and high > low else 0.5
        return round(PLOT_MARGIN + share * (PLOT_WIDTH - 2 * PLOT_MARGIN), 1)

    place = {"at": x(row.estimate)}
    if row.low is not None and row.high is not None:
        place |= {"from": x(row.low), "to": x(row.high)}
    return place
