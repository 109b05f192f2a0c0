"""Two trials of one startup, or two times of one trial, on a page: side by side, with what may be concluded."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from litestar import get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from registry.directory import Directory
from reports.api.access_log import TRIALS
from reports.dashboard.compare_pick import ComparePick, PickedParts, PickProblem, day_text, picked_parts
from reports.dashboard.readout_page import PLOT_WIDTH, plots
from reports.dashboard.render import PageRenderer, PageRequest, RenderedPage
from reports.dashboard.signin import signed_in
from reports.dashboard.trial_routes import seen_trial
from reports.metrics import METRICS
from reports.presentation.formats import NOTHING, LocaleFormatter
from reports.presentation.language import Translator
from reports.presentation.names import arm_name
from reports.presentation.verdicts import DESIGNS, reason_words
from reports.queries.comparison import ComparedSide, compared_metrics, part_side, whole_side
from reports.queries.context import QueryContext
from reports.queries.model import Interval
from reports.queries.readout import ArmReadout, readout
from reports.queries.spans import starts
from reports.scope import Reader, trials_seen
from reports.stats.verdict import MIN_DAYS
from schemas.registry import MetricId, Trial
from schemas.timing import DAY_MS, SHANGHAI_MS

SATURDAY = 5
_THURSDAY = 3
"""1970-01-01 was one."""


def compare_route(pages: PageRenderer) -> HTTPRouteHandler:
    """Return the route of the page: both trials are asked for as anywhere else, and belong to one startup."""
    service = pages.service

    @get("/compare", include_in_schema=False)
    async def compare(request: PageRequest) -> Response[Any]:
        reader, words = signed_in(request, service), pages.translator(request)
        pick = ComparePick.read(dict(request.query_params))
        directory = service.directory()
        options = trials_seen(reader, directory)
        if not pick.trial:
            values = _choice(pick, options, directory, words) | {"table": None, "problem": ""}
            return pages.answer(request, RenderedPage("compare.html", values, reader=reader))
        asked = [trial_id for trial_id in (pick.trial, pick.other) if trial_id]
        request.scope["state"][TRIALS] = asked
        trials = _picked(pages, reader, asked)
        startup = directory.products[trials[0].product].startup
        own = [trial for trial in options if directory.products[trial.product].startup == startup]
        table, parts = await service.run_query(lambda context: _compared(context, trials, pick, words))
        values = _choice(pick, own, directory, words, parts) | {
            "table": table,
            "problem": _problem_text(parts.problem, words) if parts else "",
        }
        return pages.answer(request, RenderedPage("compare.html", values, reader=reader))

    return compare


def _picked(pages: PageRenderer, reader: Reader, asked: Sequence[str]) -> list[Trial]:
    """Return the trials *asked* for. Where one is not there for *reader*, or they are of two startups, it is a 404."""
    found = [seen_trial(pages, reader, trial_id) for trial_id in asked]
    products = pages.service.directory().products
    if len({products[trial.product].startup for trial in found}) > 1:
        raise NotFoundException
    return found


def _choice(
    pick: ComparePick,
    options: Sequence[Trial],
    directory: Directory,
    words: Translator,
    parts: PickedParts | None = None,
) -> dict[str, Any]:
    """Return what the form shows."""
    names = [(t.id, f"{words.pick(directory.products[t.product].name)} ({t.id})") for t in options]
    days = [("", ""), ("", "")]
    if parts and parts.parts:
        days = [(day_text(part.from_ms), day_text(part.to_ms - DAY_MS)) for part in parts.parts]
    return {
        "pick": pick,
        "trials": names,
        "others": [("", words.say("Two periods of this trial")), *(one for one in names if one[0] != pick.trial)],
        "days": days,
    }


def _problem_text(problem: PickProblem | None, words: Translator) -> str:
    texts: dict[PickProblem | None, str] = {
        "no_date": words.say("Give a first and a last day for both periods, the first not after the last."),
        "outside": words.say(
            "These days reach outside the trial and the time registered before it; the usual ones are shown."
        ),
        "overlap": words.say("The two periods share days; the usual ones are shown."),
        "across_start": words.say("A period may not hold days before and after the start; the usual ones are shown."),
        "too_early": words.say("Fewer than two days are over: there are no two periods to compare yet."),
    }
    return texts.get(problem, "")


def _compared(
    context: QueryContext, trials: Sequence[Trial], pick: ComparePick, words: Translator
) -> tuple[dict[str, Any] | None, PickedParts | None]:
    metrics = compared_metrics(trials)
    if pick.other:
        sides = [whole_side(context, trial.id, metrics) for trial in trials]
        return ComparePage(sides, metrics, context.directory, words).values(), None
    parts = picked_parts(context, pick)
    if parts.parts is None:
        return None, parts
    planned = readout(context, pick.trial, metrics[:1]).planned_design
    sides = [part_side(context, pick.trial, part, metrics, planned) for part in parts.parts]
    return ComparePage(sides, metrics, context.directory, words).values(), parts


@dataclass(frozen=True, slots=True)
class ComparePage:
    """Two sides in one language."""

    sides: Sequence[ComparedSide]
    metrics: Sequence[MetricId]
    directory: Directory
    words: Translator

    @property
    def _formats(self) -> LocaleFormatter:
        return LocaleFormatter(self.words)

    def values(self) -> dict[str, Any]:
        """Return what the template needs."""
        return {
            "of_trials": self._of_trials,
            "sides": [self._side(number, side) for number, side in enumerate(self.sides, start=1)],
            "limits": self._limits(),
            "blocks": [self._block(metric) for metric in self.metrics],
            "width": PLOT_WIDTH,
        }

    @property
    def _of_trials(self) -> bool:
        return self.sides[0].kind == "trial"

    def _name(self, side: ComparedSide) -> str:
        product = self.words.pick(self.directory.products[side.trial.product].name)
        return product if self._of_trials else self._formats.days(side.interval.from_ms, side.interval.to_ms)

    def _side(self, number: int, side: ComparedSide) -> dict[str, Any]:
        formats, days = self._formats, side.interval
        return {
            "number": number,
            "name": self._name(side),
            "trial": side.trial.id,
            "before": side.kind == "before",
            "dates": formats.days(days.from_ms, days.to_ms) if days.from_ms < days.to_ms else NOTHING,
            "hypothesis": self.words.pick(side.trial.hypothesis),
            "primary": self.words.pick(METRICS[side.trial.primary_metric].name),
            "design": self.words.say(DESIGNS[side.planned_design].name),
            "units": self._units(side.units),
            "silent": formats.whole(side.silent),
            "covered": NOTHING if side.covered is None else formats.percent(side.covered),
        }

    def _units(self, n: int) -> str:
        return self.words.count("%(n)s placement-day", "%(n)s placement-days", n, n=self._formats.whole(n))

    def _limits(self) -> list[str]:
        """Say what may be concluded and what not."""
        return self._limits_of_trials() if self._of_trials else self._limits_of_times()

    def _limits_of_trials(self) -> list[str]:
        say, (first, second) = self.words.say, self.sides
        found = [
            say(
                "Two trials are no randomised comparison: nobody drew by lot which place, day or person came to which. "
                "So no difference and no winner is computed here; each value stands with its own interval."
            ),
            say("What differs between the two may come from other places, other weeks, other people or prices."),
        ]
        if first.trial.primary_metric != second.trial.primary_metric:
            found.append(say("They were registered with different primary metrics, and each was planned for its own."))
        if not _overlap(first.interval, second.interval):
            found.append(say("They did not run at the same time: season, weather and holidays differ as well."))
        found.append(say("Whether one arm beats another is told within a trial, by its readout."))
        return found

    def _limits_of_times(self) -> list[str]:
        say, trial = self.words.say, self.sides[0].trial
        found = [
            say(
                "An earlier and a later time are no comparison by themselves: season, weather, holidays and novelty "
                "change with time. So no difference is computed here; each value stands with its own interval."
            )
        ]
        shares = [_weekend_share(side.interval) for side in self.sides]
        if abs(shares[0] - shares[1]) > WEEKEND_SLACK:
            found.append(
                say(
                    "The two periods hold different shares of weekend days (%(first)s and %(second)s).",
                    first=self._formats.percent(shares[0]),
                    second=self._formats.percent(shares[1]),
                )
            )
        if any(row.why == "too_few_days" for side in self.sides for row in side.rows):
            found.append(
                say("A period of fewer than %(n)s days has no intervals: its days say too little.", n=MIN_DAYS)
            )
        if trial.baseline_from is not None and self.sides[0].planned_design == "before_after":
            found.append(
                say(
                    "This trial's design does compare before and after, place by place against places that stayed as "
                    "they were: that difference, with its interval, stands in the readout."
                )
            )
        elif len(trial.arms) > 1:
            found.append(say("Whether one arm beats another at the same time is told by the readout."))
        return found

    def _block(self, metric: MetricId) -> dict[str, Any]:
        rows = [
            (number, side, row)
            for number, side in enumerate(self.sides, start=1)
            for arm in side.arms
            if (row := side.row(metric, arm)) is not None
        ]
        drawn = plots([row for _, _, row in rows])
        return {
            "id": metric,
            "name": self.words.pick(METRICS[metric].name),
            "per_unit": self.words.say("per placement-day") if METRICS[metric].counts else "",
            "rows": [
                self._row(number, side, row) | {"plot": plot}
                for (number, side, row), plot in zip(rows, drawn, strict=True)
            ],
        }

    def _row(self, number: int, side: ComparedSide, row: ArmReadout) -> dict[str, Any]:
        formats = self._formats
        arm = self.words.say("All places, before the start") if side.kind == "before" else arm_name(row.arm, self.words)
        return {
            "number": number,
            "side": self._name(side),
            "arm": arm,
            "estimate": formats.estimate(row.metric, row.estimate),
            "interval": formats.between(row.metric, row.low, row.high),
            "why": self.words.say(reason_words(row.why, side.planned_design).reason) if row.why else "",
            "units": self._units(row.units),
            "n": formats.whole(row.n),
            "total": formats.metric(row.metric, row.total) if row.total is not None else "",
        }


WEEKEND_SLACK = 0.05
"""Shares of weekend days that differ by more are said: a week has two of seven."""


def _overlap(first: Interval, second: Interval) -> bool:
    return first.from_ms < second.to_ms and second.from_ms < first.to_ms


def _weekend_share(interval: Interval) -> float:
    weekdays = [((day + SHANGHAI_MS) // DAY_MS + _THURSDAY) % 7 for day in starts(interval, "day")]
    return sum(weekday >= SATURDAY for weekday in weekdays) / len(weekdays) if weekdays else 0
