"""The list of trials: of each its state, primary metric, verdict in a sentence, and how fresh it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from reports.dashboard.trial_data import SPARK_DAYS, so_far
from reports.dashboard.trial_page import freshness_values, state_name, trial_state
from reports.metrics import METRICS
from reports.presentation.drawing import spark
from reports.presentation.formats import NOTHING, LocaleFormatter
from reports.presentation.language import Translator
from reports.presentation.names import metric_names
from reports.presentation.verdicts import VerdictSentence, verdict_sentence
from reports.queries import freshness
from reports.queries.context import QueryContext
from reports.queries.home_verdicts import PrimaryVerdict, known_verdicts, primary_verdict
from reports.queries.model import Freshness
from reports.queries.overview import TrialOverview, overviews
from reports.scope import Reader, trials_seen
from reports.service import ReadService, TooBusyError
from runtime.clickhouse import ClickHouseError
from runtime.errors import PipelineError
from runtime.logging import get_logger
from schemas.registry import Trial, epoch_ms

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class HomePage:
    """A row for each trial, and the trials whose verdict is still to be worked out."""

    rows: Sequence[Mapping[str, Any]]
    unjudged: tuple[Trial, ...]


def home_page(context: QueryContext, reader: Reader, words: Translator) -> HomePage:
    """Return what *reader*'s list of trials shows; at most a few verdicts are worked out for it."""
    seen = trials_seen(reader, context.directory)
    intervals = {trial.id: so_far(trial, context.now_ms) for trial in seen}
    found = overviews(context, intervals, SPARK_DAYS)
    rejected = freshness.rejected_of_many(context, intervals)
    begun = [trial for trial in seen if found[trial.id].events.value and epoch_ms(trial.starts) <= context.now_ms]
    known, unjudged = known_verdicts(context, begun)
    rows = [
        _row(context, trial, found[trial.id], words)
        | _fresh(context, trial, rejected[trial.id], words)
        | {
            "startup": _startup_name(context, trial, words) if reader.startup_id is None else "",
            "verdict": _verdict(known.get(trial.id), words, judged=trial in begun),
        }
        for trial in seen
    ]
    return HomePage(rows, unjudged)


async def judge_the_rest(service: ReadService, trials: Sequence[Trial]) -> None:
    """Work out the verdicts of *trials* one after the other, unless somebody does already."""
    if not service.verdict_board.begin_to_fill():
        return
    try:
        for trial in trials:
            await service.run_query(partial(_judge_if_seen, trial))
    except TooBusyError:
        # Readers go first; whoever opens the list next begins where this ended.
        return
    except (PipelineError, ClickHouseError) as error:
        log.warning("verdicts for the list were not worked out", error=type(error).__name__)
    finally:
        service.verdict_board.done()


def _judge_if_seen(trial: Trial, context: QueryContext) -> None:
    if trial.id in context.directory.trials:
        primary_verdict(context, context.directory.trials[trial.id])


def _verdict(found: PrimaryVerdict | None, words: Translator, *, judged: bool) -> VerdictSentence:
    if found is not None:
        return verdict_sentence(found, words)
    if judged:
        return VerdictSentence(words.say("Being worked out; reload in a few seconds."), "unknown")
    return VerdictSentence("", "unknown")


def _fresh(context: QueryContext, trial: Trial, rejected: int, words: Translator) -> dict[str, Any]:
    """Return how fresh a trial's row is; which windows wait is said on the trial's own page."""
    as_of_ms = freshness.complete_until(context, trial.product)
    found = Freshness(as_of_ms, freshness.lag(context, as_of_ms), rejected, flagged_windows=0)
    return {"freshness": freshness_values(found, context.now_ms, words)}


def _row(context: QueryContext, trial: Trial, found: TrialOverview, words: Translator) -> dict[str, Any]:
    starts, ends = epoch_ms(trial.starts), epoch_ms(trial.ends)
    formats, product = LocaleFormatter(words), context.directory.products[trial.product]
    state = trial_state(trial, context.now_ms)
    return {
        "id": trial.id,
        "product": words.pick(product.name),
        "dates": f"{formats.date(starts)} – {formats.date(ends - 1)}",
        "state": state,
        "state_name": state_name(state, words),
        "primary_name": words.pick(METRICS[trial.primary_metric].name),
        "more_primary_names": metric_names(trial.more_primary_metrics, words),
        "primary": {
            "value": NOTHING if found.primary.untold else formats.metric(trial.primary_metric, found.primary.value),
            "n": formats.whole(found.primary.n),
        },
        "events_n": int(found.events.value or 0),
        "events": formats.whole(found.events.value or 0),
        "spark": spark(found.days) if found.days else None,
    }


def _startup_name(context: QueryContext, trial: Trial, words: Translator) -> str:
    startup_id = context.directory.products[trial.product].startup
    registry = context.directory.registry
    return next((words.pick(s.name) for s in (registry.startups if registry else []) if s.id == startup_id), startup_id)
