"""The readout on a trial's page: primary metric and guardrails with their intervals, drawn and in plain words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from registry.directory import Directory
from reports.metrics import METRICS
from reports.presentation.differences import DifferenceFormatter, LiftFormatter
from reports.presentation.formats import LocaleFormatter
from reports.presentation.language import Translator
from reports.presentation.names import arm_name, metric_names
from reports.presentation.verdicts import (
    DESIGNS,
    HARM_STATES,
    days_words,
    harm_words,
    read_bounds,
    reading_of,
    reason_words,
    state_of,
)
from reports.queries.metric_verdicts import ReadoutWhy
from reports.queries.readout import ArmLift, ArmReadout, TrialReadout
from schemas.registry import MetricId, Trial

PLOT_WIDTH = 220
PLOT_MARGIN = 8
SEVERAL = 2


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
            "design": self._design(),
            "secondary": self._secondary(),
            "baseline": arm_name(self.found.baseline_arm or "", self.words) if self.found.baseline_arm else "",
            "width": PLOT_WIDTH,
        }

    def _block(self, metric: MetricId, rows: Sequence[ArmReadout]) -> dict[str, Any]:
        roles = {"primary": self.words.say("Primary metric"), "guardrail": self.words.say("Guardrail")}
        per_unit = METRICS[metric].counts
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
            "estimate": self._formats.estimate(row.metric, row.estimate),
            "interval": self._formats.between(row.metric, row.low, row.high),
            "why": self._why(row),
            "units": self.words.count(
                "%(n)s placement-day", "%(n)s placement-days", row.units, n=self._formats.whole(row.units)
            ),
            "n": self._formats.whole(row.n),
            "plot": plot,
            "lift": LiftFormatter(self.words).value(row.metric, row.lift),
            "lift_interval": LiftFormatter(self.words).interval(row.metric, row.lift),
            "verdict": verdict,
            "verdict_state": state,
            "next_step": self._next_step(row.lift.why if row.lift else row.why),
            "days": self._days(row),
            "silence": self._silence(row),
        }

    def _design(self) -> dict[str, str]:
        """Return what is compared with what, what cancels in that and what does not, and what would let it say more."""
        said = DESIGNS[self.found.design]
        return {
            "id": self.found.design,
            "name": self.words.say(said.name),
            "compared": self.words.say(said.compared),
            "cancels": self.words.say(said.cancels),
            "remains": self.words.say(said.remains),
            "next_step": self.words.say(said.next_step) if said.next_step else "",
            "together": self._together(),
        }

    def _secondary(self) -> str:
        """Say of metrics that decide nothing that some of them differ by chance; nothing where fewer than two do."""
        judged = {row.metric for row in self.found.rows if row.role == "other" and row.lift and _has_bounds(row.lift)}
        if len(judged) < SEVERAL:
            return ""
        return self.words.say(
            "The %(n)s secondary metrics decide nothing, and each is judged for itself at a risk of %(risk)s. With so "
            "many some may differ by chance: differences in them are hints, not findings.",
            n=self._formats.whole(len(judged)),
            risk=self._formats.percent(self.found.alpha),
        )

    def _together(self) -> str:
        """Say of several metrics or arms that they share the risk, and of which a difference is told all the same."""
        if self.found.told is None:
            return ""
        said = [self._shared(self.found.told)]
        if any(row.lift and row.lift.told and _holds_zero(row.lift) for row in self.found.rows):
            said.append(
                self.words.say(
                    "Where one difference is told, the risk it had goes to the others: one of these is told though "
                    "its interval, drawn with its even share, still holds 0. Intervals leave out the truth in at most "
                    "%(risk)s of trials, and a difference is told wrongly in at most %(risk)s; either of both happens "
                    "in at most %(both)s.",
                    risk=self._formats.percent(self.found.alpha),
                    both=self._formats.percent(1.5 * self.found.alpha),
                )
            )
        return (" " if self.words.language == "en" else "").join(said)

    def _shared(self, told: Mapping[MetricId, Sequence[str]]) -> str:
        others = [arm for arm in self.trial.arms if arm != self.found.baseline_arm]
        if len(told) == 1:
            (arms,) = told.values()
            return self.words.say(
                "%(n)s arms are compared with the baseline and share the risk, so each interval is the wider for it. "
                "A difference is told, with all of them counted (Holm): %(arms)s.",
                n=self._formats.whole(len(others)),
                arms=self._and([arm_name(arm, self.words) for arm in arms]) or self.words.say("none yet"),
            )
        found = [self._of_metric(metric, arms, named=len(others) > 1) for metric, arms in told.items() if arms]
        risk = self.found.alpha / max(self.found.questions, 1)
        return self.words.say(
            "%(n)s primary metrics decide (%(metrics)s). They share the risk of %(risk)s, so each interval of a "
            "difference is drawn at %(each)s, the wider for it. A difference is told, with all of them counted "
            "(Holm): %(told)s.",
            n=self._formats.whole(len(told)),
            metrics=metric_names(told, self.words),
            risk=self._formats.percent(self.found.alpha),
            each=self._formats.percent(1 - risk),
            told=self._and(found) or self.words.say("none yet"),
        )

    def _of_metric(self, metric: MetricId, arms: Sequence[str], *, named: bool) -> str:
        name = self.words.pick(METRICS[metric].name)
        if not named:
            return name
        return self.words.say("%(name)s (%(note)s)", name=name, note=self._and([arm_name(a, self.words) for a in arms]))

    def _and(self, names: Sequence[str]) -> str:
        return ("、" if self.words.language == "zh" else ", ").join(names)

    def _reason(self, why: ReadoutWhy | None) -> str:
        return self.words.say(reason_words(why, self.found.planned_design).reason) if why else ""

    def _next_step(self, why: ReadoutWhy | None) -> str:
        return self.words.say(reason_words(why, self.found.planned_design).next_step) if why else ""

    def _why(self, row: ArmReadout) -> str:
        reason = self._reason(row.why)
        if row.needed_units is None or not row.places:
            return reason
        days = -(-(row.needed_units - row.units) // row.places)
        return self._listed(
            reason, self.words.count("at least %(n)s day more", "at least %(n)s days more", days, n=days)
        )

    def _listed(self, *parts: str) -> str:
        return ("；" if self.words.language == "zh" else "; ").join(part for part in parts if part)

    def _differences(self, metric: MetricId) -> DifferenceFormatter:
        return DifferenceFormatter.of(metric, self.words)

    def _verdict(self, row: ArmReadout) -> tuple[str, str]:
        """Return what may be said of an arm against the baseline, and how it is marked."""
        if row.lift is None:
            return "", ""
        (low, high), harm = read_bounds(row.lift), row.lift.harm
        if low is None or high is None:
            return self._reason(row.lift.why), "unknown"
        if harm is not None:
            return harm_words(row.metric, row.lift, self.words), HARM_STATES[harm]
        return self.words.say(reading_of(row.metric, low, high)), state_of(row.metric, low, high)

    def _silence(self, row: ArmReadout) -> str:
        """Say what silent placement-days could make of the difference, where any were."""
        found = row.lift.silence if row.lift else None
        if found is None or found.low is None or found.high is None:
            return ""
        text = self.words.count(
            "with %(n)s silent placement-day at its worst or best: %(range)s",
            "with %(n)s silent placement-days at their worst or best: %(range)s",
            found.units,
            n=self._formats.whole(found.units),
            range=self._differences(row.metric).between(found.low, found.high),
        )
        return self._listed(text, self.words.say("the verdict could change") if found.changes else "")

    def _days(self, row: ArmReadout) -> str:
        """Say how long it will be until the smallest effect looked for would be told; nothing where it already is."""
        if row.metric != self.trial.primary_metric or self.trial.smallest_effect is None:
            return ""
        return days_words(row.lift, self.words)


def _holds_zero(lift: ArmLift) -> bool:
    return (
        lift.absolute_low is not None
        and lift.absolute_high is not None
        and lift.absolute_low <= 0 <= lift.absolute_high
    )


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


def _has_bounds(lift: ArmLift) -> bool:
    return lift.absolute_low is not None and lift.absolute_high is not None
