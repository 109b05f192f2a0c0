"""Which of a trial's places have gone silent, by their own rhythm: opening hours, and how often they are to report.

Where the road is behind, nobody is called silent: it is ours that is slow.
"""

from dataclasses import dataclass

from reports.health_rules import DEAD_MS, LAG_S
from reports.queries import sources
from reports.queries.context import QueryContext
from reports.queries.freshness import complete_until, lag
from reports.queries.model import Interval
from reports.queries.presence import MAX_SILENCE_MS, placements_of
from reports.queries.spans import due_spans, total_ms
from schemas.timing import DAY_MS, MINUTE_MS


@dataclass(frozen=True, slots=True)
class PlacementSilence:
    """A placement that is due now and has sent nothing for longer than it may."""

    placement_id: str
    last_ms: int | None
    """Its last event of the last eight days, None where there is none."""
    quiet_ms: int
    """The opening time since then."""


@dataclass(frozen=True, slots=True)
class TrialSilences:
    """How many placements are due now, and which of them are silent, by id."""

    due: int
    silent: tuple[PlacementSilence, ...]

    @property
    def whole(self) -> bool:
        """Whether nobody who is due reports."""
        return self.due > 0 and len(self.silent) == self.due


NOBODY = TrialSilences(0, ())


def silences(context: QueryContext, trial_id: str, *, least_ms: int) -> TrialSilences:
    """Return the trial's silences now; one below *least_ms* of opening time is none.

    A placement may be silent for its `heartbeat_s`, one without for a day's opening time.
    """
    lag_s = lag(context, complete_until(context, context.span(trial_id).product_id))
    if lag_s is not None and lag_s > LAG_S:
        return NOBODY
    now = Interval(context.now_ms, context.now_ms + 1)
    due = [p for p in placements_of(context.directory, trial_id) if due_spans(context.directory, p, now)]
    if not due:
        return NOBODY
    last_ms = _last_events(context, trial_id)
    found = (_silence(context, placement_id, last_ms.get(placement_id), least_ms) for placement_id in due)
    return TrialSilences(len(due), tuple(silence for silence in found if silence is not None))


def _last_events(context: QueryContext, trial_id: str) -> dict[str, int]:
    seen = Interval(context.now_ms - MAX_SILENCE_MS - DAY_MS, context.now_ms + 5 * MINUTE_MS)
    source = sources.by_minute(context.span(trial_id), [seen])
    return {str(placement): int(at_ms) for placement, at_ms in source.rows(context, "placements_reporting")}


def _silence(context: QueryContext, placement_id: str, last_ms: int | None, least_ms: int) -> PlacementSilence | None:
    heartbeat_s = context.directory.placements[placement_id].heartbeat_s
    may_ms = max(least_ms, DEAD_MS if heartbeat_s is None else heartbeat_s * 1000)
    since = Interval(context.now_ms - MAX_SILENCE_MS if last_ms is None else last_ms, context.now_ms)
    quiet_ms = total_ms(due_spans(context.directory, placement_id, since))
    return PlacementSilence(placement_id, last_ms, quiet_ms) if quiet_ms > may_ms else None
