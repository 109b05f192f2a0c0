"""When a trial's places were last heard of: from cells as they come, or from stored events, which a report counts."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from reports.queries import presence, sources
from reports.queries.context import QueryContext, moment
from reports.queries.live import last_event_ms
from reports.queries.model import CoverageHour, Interval
from schemas.timing import DAY_MS, MINUTE_MS, minute_of

Ledger = Callable[[], tuple[CoverageHour, ...]]
"""Each due placement-hour that is over, with its events; asked for only where a silence is to be judged."""


@dataclass(frozen=True, slots=True)
class TrialSigns:
    """What was heard of a trial until now, Unix ms."""

    last_ms: int | None
    last_by_placement: Mapping[str, int]
    """Of the placements that were heard of in the last 24 hours."""
    ledger: Ledger


def last_day(context: QueryContext) -> Interval:
    """Return the last 24 hours, to the end of this minute: partners' clocks may be ahead."""
    return Interval(context.now_ms - DAY_MS, minute_of(context.now_ms) + MINUTE_MS)


def whole_ledger(context: QueryContext, trial_id: str) -> tuple[CoverageHour, ...]:
    """Return the trial's due placement-hours that are over, from its start, with the events that cells hold."""
    return presence.ledger(context, trial_id, Interval(context.span(trial_id).starts_ms, context.now_ms))


def live_signs(context: QueryContext, trial_id: str) -> TrialSigns:
    """Return what cells say: at once, without what came late and is not settled."""
    source = sources.by_minute(context.span(trial_id), [last_day(context)])
    return TrialSigns(
        last_ms=last_event_ms(context, trial_id),
        last_by_placement={str(one): int(at_ms) for one, at_ms in source.rows(context, "placements_reporting")},
        ledger=lambda: whole_ledger(context, trial_id),
    )


def stored_signs(context: QueryContext, trial_id: str) -> TrialSigns:
    """Return what stored events say that occurred before now: exactly, whatever has come since."""
    hours: dict[tuple[str, int], int] = defaultdict(int)
    last: dict[str, int] = defaultdict(int)
    for placement, hour_ms, events, last_ms in context.rows(
        "stored_signs", {"trial": trial_id, "to": moment(context.now_ms)}
    ):
        hours[str(placement), int(hour_ms)] += int(events)
        last[str(placement)] = max(last[str(placement)], int(last_ms))
    return TrialSigns(
        last_ms=max(last.values(), default=None),
        last_by_placement={
            placement: at_ms for placement, at_ms in last.items() if placement and at_ms >= context.now_ms - DAY_MS
        },
        ledger=lambda: tuple(
            replace(hour, events=hours.get((hour.placement_id, hour.hour_ms), 0))
            for hour in whole_ledger(context, trial_id)
        ),
    )
