"""What to know before reading the numbers: each line says how it is and what was found, as facts without words."""

from reports.health_rules import COVERED, DEAD_MS, LAG_S, MISSED, POORLY_COVERED, QUIET_MS
from reports.queries.avenue_map import reporting
from reports.queries.context import QueryContext
from reports.queries.freshness import complete_until, freshness, lag
from reports.queries.health_lines import HealthFinding, HealthLine, HealthState
from reports.queries.health_units import balance_line, crossover_lines, judged_line, silent_line, unit_line
from reports.queries.model import Freshness, Interval, Number
from reports.queries.presence import placements_of, presences
from reports.queries.readout import TrialReadout, readout
from reports.queries.refunds import unreported
from reports.queries.rhythm import expected_since
from reports.queries.signs import TrialSigns, live_signs
from reports.queries.spans import due_spans, total_ms
from reports.queries.trial_units import so_far


def health(
    context: QueryContext,
    trial_id: str,
    fresh: Freshness | None = None,
    judged: TrialReadout | None = None,
    signs: TrialSigns | None = None,
) -> tuple[HealthLine, ...]:
    """Return the trial's health list, in the order in which it is to be read.

    *fresh*, *judged*, a readout with the primary metrics, and *signs* are asked for where the caller has none.
    """
    trial = context.directory.trials[trial_id]
    found = judged or readout(context, trial_id, trial.primary_metrics)
    heard = signs or live_signs(context, trial_id)
    primary = [row for row in found.rows if row.metric in trial.primary_metrics]
    over = context.span(trial_id).ends_ms <= context.now_ms
    return (
        _arriving(context, trial_id, heard),
        unit_line(found, trial.planned_units, over=over),
        silent_line(found, primary),
        balance_line(found),
        _coverage(context, trial_id),
        _placements(context, trial_id, heard),
        judged_line(found, trial, primary),
        _flagged(fresh or freshness(context, trial_id, found.interval)),
        *_refunds(unreported(context, trial_id)),
        *crossover_lines(found),
    )


def _arriving(context: QueryContext, trial_id: str, heard: TrialSigns) -> HealthLine:
    last_ms = heard.last_ms
    if last_ms is None:
        return HealthLine("arriving", "unknown", "waiting")
    if context.span(trial_id).ends_ms <= context.now_ms:
        return HealthLine("arriving", "good", "over", {"last_ms": last_ms})
    lag_s = lag(context, complete_until(context, context.span(trial_id).product_id))
    numbers: dict[str, Number | None] = {"last_ms": last_ms, "lag_s": lag_s}
    if lag_s is not None and lag_s > LAG_S:
        return HealthLine("arriving", "bad", "behind", numbers)
    quiet_ms = max(
        (
            total_ms(due_spans(context.directory, p, Interval(last_ms, context.now_ms)))
            for p in placements_of(context.directory, trial_id)
        ),
        default=0,
    )
    expected = expected_since(context, trial_id, last_ms, heard.ledger())
    state, finding = _rhythm(quiet_ms, expected)
    return HealthLine("arriving", state, finding, {**numbers, "quiet_ms": quiet_ms, "expected": expected})


def _rhythm(quiet_ms: int, expected: float | None) -> tuple[HealthState, HealthFinding]:
    """Return how a silence of so much opening time sounds, where so many events are *expected* in it."""
    missed = quiet_ms >= QUIET_MS if expected is None else expected >= MISSED
    if not missed:
        return "good", "usual_rhythm"
    return ("bad" if quiet_ms >= DEAD_MS else "warning"), "quiet"


def _coverage(context: QueryContext, trial_id: str) -> HealthLine:
    """Return which share of due hours was heard of, and of due time online where devices say so."""
    found = presences(context, trial_id, so_far(context, trial_id))
    due, covered = (sum(hours) for hours in ([p.due_hours for p in found], [p.covered_hours for p in found]))
    told = [p for p in found if p.up_ms is not None and p.due_ms]
    uptime = sum(p.up_ms or 0 for p in told) / sum(p.due_ms for p in told) if told else None
    numbers: dict[str, Number | None] = {"coverage": covered / due if due else None, "uptime": uptime}
    if not due:
        return HealthLine("coverage", "unknown", "none_due", numbers)
    worst = covered / due if uptime is None else min(covered / due, uptime)
    state: HealthState = "good" if worst >= COVERED else "warning" if worst >= POORLY_COVERED else "bad"
    return HealthLine("coverage", state, "counted", numbers)


def _placements(context: QueryContext, trial_id: str, heard: TrialSigns) -> HealthLine:
    up, due = reporting(context, trial_id, heard)
    numbers: dict[str, Number | None] = {"reporting": up, "due": due}
    if not due:
        return HealthLine("placements", "unknown", "none_due", numbers)
    return HealthLine("placements", "good" if up == due else "warning" if up else "bad", "counted", numbers)


def _flagged(found: Freshness) -> HealthLine:
    unexplained = any(block.reason == "unexplained" for block in found.flagged)
    numbers: dict[str, Number | None] = {"flagged": found.flagged_windows, "rejected": found.rejected}
    if not found.flagged_windows:
        return HealthLine("flagged", "good", "none_flagged", numbers)
    return HealthLine("flagged", "bad" if unexplained else "warning", "flagged", numbers)


def _refunds(silent: tuple[str, ...]) -> tuple[HealthLine, ...]:
    """Return a line where a platform tells no refunds; what cannot be known is said, and is not 0."""
    return (HealthLine("refunds", "unknown", "not_told", {"platforms": len(silent)}, silent),) if silent else ()
