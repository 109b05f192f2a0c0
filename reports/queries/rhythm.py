"""The rhythm of a trial's places: how many events usually come in such an hour of the day."""

from collections import defaultdict
from collections.abc import Iterable

from reports.health_rules import KNOWN_EVENTS
from reports.queries import presence
from reports.queries.context import QueryContext
from reports.queries.model import CoverageHour, Interval
from reports.queries.spans import by_step, due_spans
from schemas.timing import DAY_MS, HOUR_MS


def expected_since(
    context: QueryContext,
    trial_id: str,
    since_ms: int,
    hours: Iterable[CoverageHour],
    placement_id: str | None = None,
) -> float | None:
    """Return how many events usually come in the due time since then, None where no rhythm is known yet.

    By placement and hour of the day, from the due *hours* of the trial that were over before; of one placement, where
    one is named.
    """
    placements = presence.placements_of(context.directory, trial_id) if placement_id is None else (placement_id,)
    came: dict[tuple[str, int], int] = defaultdict(int)
    due: dict[tuple[str, int], int] = defaultdict(int)
    for hour in hours:
        if hour.hour_ms + HOUR_MS <= since_ms and hour.placement_id in placements:
            key = hour.placement_id, hour.hour_ms % DAY_MS
            came[key] += hour.events
            due[key] += 1
    if sum(came.values()) < KNOWN_EVENTS:
        return None
    return sum(
        came[place, hour % DAY_MS] / due[place, hour % DAY_MS] * ms / HOUR_MS
        for place in placements
        for hour, ms in by_step(due_spans(context.directory, place, Interval(since_ms, context.now_ms)), "hour")
        if due[place, hour % DAY_MS]
    )
