"""A trial's page: from answers to what the template shows, in one language."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reports.dashboard.chance_page import ChancePage
from reports.dashboard.course_page import CoursePage, design_marks
from reports.dashboard.coverage_page import CoverageDaysPage
from reports.dashboard.first_event import waiting_values
from reports.dashboard.frozen_page import FrozenList
from reports.dashboard.orders_page import MoneyPage, RatingsPage
from reports.dashboard.readout_page import ReadoutPage
from reports.dashboard.render import as_json
from reports.dashboard.results_page import ResultsPage
from reports.dashboard.retention_page import RetentionPage
from reports.dashboard.timeline import Timeline, timeline
from reports.dashboard.trend import TrendPage
from reports.dashboard.trial_data import BY_PLATFORM, TrialData
from reports.metrics import METRICS, DistinctRule
from reports.presentation.drawing import bars, spark
from reports.presentation.formats import NOTHING, LocaleFormatter
from reports.presentation.health import health_words
from reports.presentation.labels import KINDS
from reports.presentation.language import Translator
from reports.presentation.names import (
    arm_name,
    arms_of_placement,
    kind_name,
    metric_names,
    placement_name,
    platform_name,
)
from reports.presentation.plan import plan_changes, plan_note
from reports.queries.model import Freshness, MetricTotal, Presence
from reports.queries.spans import iso
from schemas.registry import MetricId, Trial, epoch_ms
from schemas.timing import DAY_MS, HOUR_MS

NOW_HEIGHT = 40
# A funnel's completions are the ok ones, so its steps are called as the metrics are.
_FUNNEL_NAMES: dict[str, MetricId] = {
    "exposure": "exposures",
    "use.started": "starts",
    "use.completed": "completions",
    "order.paid": "orders",
}


def trial_state(trial: Trial, now_ms: int) -> str:
    """Return planned, baseline, running or ended."""
    starts, ends = epoch_ms(trial.starts), epoch_ms(trial.ends)
    if now_ms >= ends:
        return "ended"
    if now_ms >= starts:
        return "running"
    return "baseline" if trial.baseline_from and now_ms >= epoch_ms(trial.baseline_from) else "planned"


def state_name(state: str, words: Translator) -> str:
    """Return what a trial's *state* is called."""
    names = {
        "planned": words.say("Planned"),
        "baseline": words.say("Baseline period"),
        "running": words.say("Running"),
        "ended": words.say("Ended"),
    }
    return names[state]


def freshness_values(freshness: Freshness, now_ms: int, words: Translator) -> dict[str, Any]:
    """Return how far the numbers may be trusted, in words."""
    formats = LocaleFormatter(words)
    as_of = freshness.as_of_ms
    return {
        "as_of": as_of,
        "as_of_text": words.say("Complete up to %(time)s", time=formats.exact(as_of)) if as_of else "",
        "ago": formats.ago(as_of, now_ms) if as_of else "",
        "slow": freshness.lag_s is not None and freshness.lag_s > SLOW_S,
        "rejected": freshness.rejected,
        "rejected_text": words.count(
            "%(n)s event rejected", "%(n)s events rejected", freshness.rejected, n=formats.whole(freshness.rejected)
        ),
        "flagged": freshness.flagged_windows,
        "flagged_text": words.count(
            "%(n)s window being recomputed",
            "%(n)s windows being recomputed",
            freshness.flagged_windows,
            n=formats.whole(freshness.flagged_windows),
        ),
        "unexplained": any(flag.reason == "unexplained" for flag in freshness.flagged),
    }


SLOW_S = 900
"""Older than this is said in another colour: two grace periods, a block and its settlement have long passed."""


@dataclass(frozen=True, slots=True)
class TrialPage:
    """One trial's answers in one language; `base_url` is the address that commands on the page use."""

    data: TrialData
    words: Translator
    base_url: str

    @property
    def _formats(self) -> LocaleFormatter:
        return LocaleFormatter(self.words)

    def values(self) -> dict[str, Any]:
        """Return what the template needs."""
        data = self.data
        readout = ReadoutPage(data.readout, data.trial, data.directory, self.words)
        deciding = (
            picked if (picked := data.verdict.course) in data.trial.primary_metrics else data.trial.primary_metric
        )
        return {
            "trial": data.trial,
            "head": self._head(),
            "freshness": freshness_values(data.freshness, data.now_ms, self.words),
            "health": [(line, health_words(line, self.words)) for line in data.health],
            "now": self._now(),
            "waiting": self._waiting(),
            "readout": readout.values(),
            "results": ResultsPage(readout).values() | {"all_shown": data.verdict.every},
            "figures": self._figures(),
            "platforms": self._platforms(),
            "funnels": self._funnels(),
            "places": self._places(),
            "returning": RetentionPage(data.retention, self.words).values(),
            "money": MoneyPage(data.orders, data.trial, self.words).values(),
            "ratings": RatingsPage(data.orders, data.trial, self.words).values(),
            "coverage_days": CoverageDaysPage(data, self.words).values(),
            "exports": self._exports(),
            "frozen": FrozenList(data.trial.id, data.frozen, self.words).values(),
            "trend": TrendPage(data.trend, data.freshness, data.directory, self.words, self._timeline()).values(),
            "course": self._course().values(),
            "chance": ChancePage(
                data.readout, data.trial, data.courses[deciding], self.words, metric=deciding
            ).values(),
        }

    def _timeline(self) -> Timeline:
        data = self.data
        changes = design_marks(data.courses[data.verdict.course], self.words)
        return timeline(data.directory, data.trial.id, self.words, changes, now_ms=data.now_ms)

    def _course(self) -> CoursePage:
        data = self.data
        found = data.courses[data.verdict.course]
        lifts = [row.lift for row in data.readout.rows if row.metric == data.verdict.course and row.lift is not None]
        return CoursePage(
            trial=data.trial,
            metric=data.verdict.course,
            courses=found,
            timeline=self._timeline(),
            flagged=data.freshness.flagged,
            why=lifts[0].why if lifts else None,
            words=self.words,
        )

    def _head(self) -> dict[str, Any]:
        trial, formats = self.data.trial, self._formats
        product = self.data.directory.products[trial.product]
        starts, ends = epoch_ms(trial.starts), epoch_ms(trial.ends)
        state = trial_state(trial, self.data.now_ms)
        day = (min(self.data.now_ms, ends) - starts) // DAY_MS + 1
        return {
            "product": self.words.pick(product.name),
            "hypothesis": self.words.pick(trial.hypothesis),
            "plan_note": plan_note(self.data.directory, trial.id, self.words),
            "left_out": self._left_out(),
            "plan_changes": plan_changes(self.data.directory, trial.id, self.words),
            "state": state,
            "state_name": state_name(state, self.words),
            "dates": f"{formats.date(starts)} – {formats.date(ends - 1)}",
            "day": self.words.say("day %(day)s of %(days)s", day=day, days=-(-(ends - starts) // DAY_MS))
            if state in {"running", "ended"}
            else "",
            "primary": metric_names(trial.primary_metrics, self.words),
            "guardrails": [(metric, self.words.pick(METRICS[metric].name)) for metric in trial.guardrails],
        }

    def _left_out(self) -> str:
        n = len(self.data.readout.units.left_out)
        if not n:
            return ""
        return self.words.count(
            "%(n)s placement-day after a change of arm is left out, as registered; totals have it.",
            "%(n)s placement-days after a change of arm are left out, as registered; totals have them.",
            n,
            n=self._formats.whole(n),
        )

    def _now(self) -> dict[str, Any]:
        now, formats = self.data.now, self._formats
        most = sorted(now.kinds, key=lambda kind: -kind.events)
        return {
            "events": formats.whole(now.events),
            "subjects": NOTHING if now.subjects is None else formats.whole(now.subjects),
            "last_ms": now.last_ms,
            "last": iso(now.last_ms)[5:19].replace("T", " ") if now.last_ms else NOTHING,
            "bars": list(
                zip(
                    (f"{formats.clock(p.start_ms)}: {p.n}" for p in now.minutes),
                    bars(now.minutes, NOW_HEIGHT),
                    strict=True,
                )
            ),
            "height": NOW_HEIGHT,
            "names": as_json({kind: kind_name(kind, self.words) for kind in KINDS}),
            "kinds": [(kind_name(kind.kind, self.words), formats.whole(kind.events)) for kind in most],
        }

    def _waiting(self) -> dict[str, Any] | None:
        """Return what is waited for, or None where something has come."""
        data = self.data
        if data.now.last_ms is not None:
            return None
        return waiting_values(data.trial, data.directory, self.words, now_ms=data.now_ms, base_url=self.base_url)

    def _arms(self) -> list[str]:
        """Return the trial's arms, and '' where some events belong to none."""
        seen = {total.by["arm"] for total in self.data.by_arm}
        return [*self.data.trial.arms, *sorted(seen - set(self.data.trial.arms), reverse=True)]

    def _figures(self) -> dict[str, Any]:
        """Return the results table: primary metric, guardrails, then everything else that has a value."""
        trial = self.data.trial
        first = list(trial.primary_metrics)
        title = self.words.say("Primary metrics") if len(first) > 1 else self.words.say("Primary metric")
        guards = [metric for metric in trial.guardrails if metric not in first]
        rest = [metric for metric in METRICS if metric not in {*first, *guards} and self.data.whole[metric].n]
        blocks = [
            (title, "primary", first),
            (self.words.say("Guardrails"), "guardrails", guards),
            (self.words.say("Everything else"), "rest", rest),
        ]
        return {
            "arms": [arm_name(arm, self.words) for arm in self._arms()],
            "blocks": [
                (title, css_class, [self._figure(m) for m in metrics])
                for title, css_class, metrics in blocks
                if metrics
            ],
        }

    def _figure(self, metric: MetricId) -> dict[str, Any]:
        whole = self.data.whole[metric]
        arms = {total.by["arm"]: total for total in self.data.by_arm if total.metric == metric}
        lines = self.data.sparks[metric].lines
        return {
            "id": metric,
            "name": self.words.pick(METRICS[metric].name),
            "formula": self.words.pick(METRICS[metric].formula),
            "whole": self._cell(whole),
            "arms": [
                self._cell(arms.get(arm), self._none_of(metric) if self._came(arm) else None) for arm in self._arms()
            ],
            "spark": spark(lines[0].points) if lines else None,
        }

    def _cell(self, total: MetricTotal | None, none_of: MetricId | None = None) -> dict[str, str]:
        """Return a number and what it stands on; *none_of*: without a total events came, and none of that metric."""
        if total is None:
            return {"value": NOTHING if none_of is None else self._formats.none_of(none_of), "note": "", "under": ""}
        metric = METRICS[total.metric]
        stands_on = f"n {self._formats.whole(total.n)}"
        if total.unnamed:
            none = self.words.say("named by none,")
            return {"value": NOTHING, "note": "", "under": f"{none} {stands_on}"}
        value = NOTHING if total.untold else self._formats.metric(total.metric, total.value)
        # A count stands on itself: its n would say the same number twice.
        note = "" if metric.unit == "events" or total.value is None or total.untold else stands_on
        # The events that people are estimated from say nothing of how well.
        estimated = note and isinstance(metric.rule, DistinctRule)
        return {"value": value, "note": self.words.say("estimated") if estimated else note, "under": ""}

    def _none_of(self, metric: MetricId) -> MetricId | None:
        """Return *metric*, None where of the whole trial nobody tells it: then a part has no known 0 either."""
        return None if self.data.whole[metric].untold else metric

    def _came(self, arm: str) -> bool:
        """Tell whether an arm sent events."""
        return any(total.metric == "events" and total.by["arm"] == arm for total in self.data.by_arm)

    def _platforms(self) -> dict[str, Any]:
        by: dict[str, dict[MetricId, MetricTotal]] = {}
        for total in self.data.by_platform:
            by.setdefault(total.by["platform"], {})[total.metric] = total
        ranked = sorted(by.items(), key=lambda item: -(item[1]["events"].n if "events" in item[1] else 0))
        return {
            "metrics": [(metric, self.words.pick(METRICS[metric].name)) for metric in BY_PLATFORM],
            "rows": [
                (
                    platform_name(platform, self.words),
                    [self._cell(found.get(metric), self._none_of(metric)) for metric in BY_PLATFORM],
                )
                for platform, found in ranked
            ],
        }

    def _funnels(self) -> list[dict[str, Any]]:
        shown = [funnel for funnel in self.data.funnels if any(step.subjects for step in funnel.steps)]
        most = max((funnel.steps[0].subjects for funnel in shown), default=0)
        return [
            {
                "name": arm_name(funnel.by.get("arm", ""), self.words),
                "steps": [
                    {
                        "name": self.words.pick(METRICS[_FUNNEL_NAMES[step.kind]].name),
                        "people": self._formats.whole(step.subjects),
                        "events": self._formats.whole(step.events),
                        "share": self._formats.percent(step.share) if step.share is not None else "",
                        "width": round(step.subjects / most * 200, 1) if most else 0,
                    }
                    for step in funnel.steps
                ],
            }
            for funnel in shown
        ]

    def _places(self) -> dict[str, Any]:
        heard = {(hour.placement_id, hour.hour_ms): hour.events for hour in self.data.ledger}
        interval = self.data.ledger_interval
        hours = list(range(interval.from_ms, interval.to_ms, HOUR_MS))
        return {
            "hours": len(hours),
            "rows": [self._place(presence, heard, hours) for presence in self._along_the_street()],
        }

    def _along_the_street(self) -> Iterable[Presence]:
        placements = self.data.directory.placements
        return sorted(self.data.presences, key=lambda p: (placements[p.placement_id].metre, p.placement_id))

    def _place(self, presence: Presence, heard: dict[tuple[str, int], int], hours: list[int]) -> dict[str, Any]:
        placement = self.data.directory.placements[presence.placement_id]
        account = self.data.directory.accounts.get(placement.account or "")
        formats = self._formats
        return {
            "id": placement.id,
            "name": placement_name(placement.id, self.data.directory, self.words),
            "metre": self._formats.whole(placement.metre),
            "side": self.words.say("North side") if placement.side == "north" else self.words.say("South side"),
            "platform": platform_name(account.platform if account else "", self.words),
            "arm": arms_of_placement(placement.id, self.data.directory, self.words),
            "coverage": formats.percent(presence.covered_hours / presence.due_hours) if presence.due_hours else NOTHING,
            "due": formats.whole(presence.due_hours),
            "uptime": formats.percent(presence.up_ms / presence.due_ms)
            if presence.up_ms is not None and presence.due_ms
            else NOTHING,
            "ledger": [
                (index, "heard" if heard[placement.id, hour] else "silent")
                for index, hour in enumerate(hours)
                if (placement.id, hour) in heard
            ],
        }

    def _exports(self) -> dict[str, str]:
        trial_id, interval = self.data.trial.id, self.data.interval
        return {"base": f"/v1/trials/{trial_id}", "from": iso(interval.from_ms), "to": iso(interval.to_ms)}
