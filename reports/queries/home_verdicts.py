"""The verdicts of many trials at a glance: worked out a few at a time and kept, never all for one answer.

A verdict is of whole days, so it changes at midnight, with the registry, and where late events open a day again.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from reports.queries.context import QueryContext
from reports.queries.readout import ArmReadout, TrialReadout, readout
from reports.stats.trial_rows import Design
from schemas.registry import Trial
from schemas.timing import MINUTE_MS, day_of

BUDGET_S = 0.3
"""So long one answer works on verdicts that nobody has asked for yet; a readout takes a tenth to a third of it."""
STALE_MS = 10 * MINUTE_MS
"""Older ones are shown and worked out again: late events may have opened a day."""


@dataclass(frozen=True, slots=True)
class PrimaryVerdict:
    """What a trial's primary metrics say so far, the first one's rows first."""

    rows: Sequence[ArmReadout]
    planned_design: Design
    smallest_effect: float | None


def primary_verdict(context: QueryContext, trial: Trial) -> PrimaryVerdict:
    """Return the trial's verdict, worked out now and kept for lists."""
    return keep_verdict(context, trial, readout(context, trial.id, trial.primary_metrics))


def keep_verdict(context: QueryContext, trial: Trial, found: TrialReadout) -> PrimaryVerdict:
    """Keep what a readout with the primary metrics says of them, for lists; return it."""
    rows = tuple(row for row in found.rows if row.metric in trial.primary_metrics)
    verdict = PrimaryVerdict(rows, found.planned_design, trial.smallest_effect)
    context.verdict_board.put(trial.id, _key(context), context.now_ms, verdict)
    return verdict


def known_verdicts(
    context: QueryContext, trials: Iterable[Trial], *, clock_s: Callable[[], float] = time.monotonic
) -> tuple[Mapping[str, PrimaryVerdict], tuple[Trial, ...]]:
    """Return the verdicts of *trials* that are known within `BUDGET_S`, and the trials that are still to be judged.

    Those whose verdict is known and stale are among the second, too.
    """
    known: dict[str, PrimaryVerdict] = {}
    missing, stale = [], []
    for trial in trials:
        kept = context.verdict_board.get(trial.id, _key(context))
        if kept is None:
            missing.append(trial)
            continue
        known[trial.id] = kept[1]
        if context.now_ms - kept[0] > STALE_MS:
            stale.append(trial)
    began = clock_s()
    while missing and clock_s() - began < BUDGET_S:
        trial = missing.pop(0)
        known[trial.id] = primary_verdict(context, trial)
    return known, (*missing, *stale)


def _key(context: QueryContext) -> tuple[int, int]:
    return context.directory.version, day_of(context.now_ms)
