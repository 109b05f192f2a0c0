"""The street now: every placement along it, and what each reports; another startup's place is only occupied."""

from collections.abc import Iterable

from reports.health_rules import DEFAULT_SILENCE_MS, MISSED
from reports.queries.context import QueryContext, moment
from reports.queries.model import AvenueMap, CoverageHour, Interval, MapPlace, PlaceState
from reports.queries.presence import placements_of, platform_of
from reports.queries.rhythm import expected_since
from reports.queries.signs import Ledger, TrialSigns, last_day, whole_ledger
from reports.queries.spans import due_spans, total_ms
from reports.scope import Reader, trial_seen
from schemas.timing import HOUR_MS


def avenue_map(context: QueryContext, reader: Reader) -> AvenueMap:
    """Return what stands along the street now, by metre; *reader*'s own with their events of the last 24 hours."""
    registry = context.directory.registry
    interval = last_day(context)
    if registry is None:
        return AvenueMap(length_m=0, places=(), interval=interval)
    seen = {t for t in context.directory.trials if trial_seen(reader, context.directory, t)}
    counts = _counts(context, sorted({context.span(t).product_id for t in seen}), interval)
    standing = (p for p in context.directory.placed.values() if p.covers(context.now_ms))
    places = [_place(context, p.placement_id, counts, shown=p.trial_id in seen) for p in standing]
    return AvenueMap(
        length_m=registry.avenue.length_m,
        places=tuple(sorted(_one_mark_a_spot(places), key=lambda p: (p.metre, p.side, p.placement_id))),
        interval=interval,
    )


def _one_mark_a_spot(places: list[MapPlace]) -> list[MapPlace]:
    """Return *places* with one mark where several of others stand: how many accounts report it is theirs to know."""
    ours = [place for place in places if place.state != "occupied"]
    return [*ours, *{place for place in places if place.state == "occupied"}]


def _place(context: QueryContext, placement_id: str, counts: dict[str, tuple[int, int]], *, shown: bool) -> MapPlace:
    placement, placed = context.directory.placements[placement_id], context.directory.placed[placement_id]
    if not shown:
        # The spot can be seen from the street; what stands there, its name and how it does are another startup's.
        return MapPlace(metre=placement.metre, side=placement.side, zone="", state="occupied")
    events, last_ms = counts.get(placement_id, (0, None))
    return MapPlace(
        metre=placement.metre,
        side=placement.side,
        zone=placement.zone,
        zone_zh=placement.zone_zh,
        state=_state(context, placement_id, last_ms, lambda: whole_ledger(context, placed.trial_id)),
        place_id=placed.place_id,
        placement_id=placement_id,
        trial_id=placed.trial_id,
        product_id=placed.product_id,
        platform=platform_of(context.directory, placement_id),
        arm=placed.arm_at(context.now_ms),
        events=events,
        last_ms=last_ms,
    )


def _state(context: QueryContext, placement_id: str, last_ms: int | None, ledger: Ledger) -> PlaceState:
    """Closed out of hours; waiting before its first event of the day; silent after too long without one.

    Time counts while its doors are open. What is too long says its `heartbeat_s`, else its own rhythm, and an hour as
    long as no rhythm is known. Without *last_ms* it was not heard of in the last day.
    """
    instant = Interval(context.now_ms, context.now_ms + 1)
    if not due_spans(context.directory, placement_id, instant):
        return "closed"
    heartbeat_s = context.directory.placements[placement_id].heartbeat_s
    silence_ms = DEFAULT_SILENCE_MS if heartbeat_s is None else heartbeat_s * 1000
    if last_ms is not None:
        quiet_ms = total_ms(due_spans(context.directory, placement_id, Interval(last_ms, context.now_ms)))
        if quiet_ms <= silence_ms:
            return "reporting"
        return "silent" if heartbeat_s is not None or _missed(context, placement_id, last_ms, ledger()) else "reporting"
    recently = due_spans(context.directory, placement_id, Interval(context.now_ms - silence_ms, context.now_ms))
    if not recently or recently[0][0] > context.now_ms - silence_ms:
        return "waiting"
    return "silent" if heartbeat_s is not None or _missed_for_days(context, placement_id, ledger()) else "waiting"


def _missed(context: QueryContext, placement_id: str, last_ms: int, hours: Iterable[CoverageHour]) -> bool:
    trial_id = context.directory.placed[placement_id].trial_id
    expected = expected_since(context, trial_id, last_ms, hours, placement_id)
    return expected is None or expected >= MISSED


def _missed_for_days(context: QueryContext, placement_id: str, hours: tuple[CoverageHour, ...]) -> bool:
    """Tell whether a place that was not heard of for a day missed what usually comes since its last hour of any."""
    heard = [hour.hour_ms for hour in hours if hour.placement_id == placement_id and hour.events]
    return not heard or _missed(context, placement_id, max(heard) + HOUR_MS, hours)


def _counts(context: QueryContext, products: list[str], interval: Interval) -> dict[str, tuple[int, int]]:
    parameters = {"products": products, "from": moment(interval.from_ms), "to": moment(interval.to_ms)}
    answer = context.rows("avenue_map", parameters)
    return {str(placement): (int(events), int(last_ms)) for placement, events, last_ms in answer}


def reporting(context: QueryContext, trial_id: str, signs: TrialSigns) -> tuple[int, int]:
    """Return how many of the trial's placements that are due now report, by *signs*, and how many are due."""
    standing = (
        p for p in placements_of(context.directory, trial_id) if context.directory.placed[p].covers(context.now_ms)
    )
    states = [_state(context, one, signs.last_by_placement.get(one), signs.ledger) for one in standing]
    due = [state for state in states if state in {"reporting", "silent", "waiting"}]
    return due.count("reporting"), len(due)
