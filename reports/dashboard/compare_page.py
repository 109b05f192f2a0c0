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
from reports.dashboard.readout_page import PLOT_WIDTH, plots
from reports.dashboard.render import PageRenderer, PageRequest, RenderedPage
from reports.dashboard.signin import signed_in
from reports.dashboard.trial_routes import seen_trial
from reports.metrics import METRICS
from reports.presentation.comparison import comparison_limits
from reports.presentation.formats import NOTHING, LocaleFormatter
from reports.presentation.language import Translator
from reports.presentation.names import arm_name, metric_names
from reports.presentation.verdicts import DESIGNS, reason_words
from reports.queries.compared_parts import ComparePick, PickedParts, PickProblem, compared, day_text
from reports.queries.comparison import ComparedSide
from reports.queries.context import QueryContext
from reports.queries.readout import ArmReadout
from reports.scope import Reader, trials_seen
from schemas.registry import MetricId, Trial
from schemas.timing import DAY_MS


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
    found = compared(context, trials, pick)
    table = ComparePage(found.sides, found.metrics, context.directory, words).values() if found.sides else None
    return table, found.parts


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
            "limits": [limit.text for limit in comparison_limits(self.sides, self.words)],
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
            "primary": metric_names(side.trial.primary_metrics, self.words),
            "design": self.words.say(DESIGNS[side.planned_design].name),
            "units": self._units(side.units),
            "silent": formats.whole(side.silent),
            "covered": NOTHING if side.covered is None else formats.percent(side.covered),
        }

    def _units(self, n: int) -> str:
        return self.words.count("%(n)s placement-day", "%(n)s placement-days", n, n=self._formats.whole(n))

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
