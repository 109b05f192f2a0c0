"""How each hop of the road is, from left to right, by what store and broker say; and what to do next."""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.access.road_sources import BrokerReading, GroupPosition
from reports.queries.account_model import told_or_none
from reports.queries.operator_model import BROKEN, HopCause, HopCondition, HopReading, NextStep, RoadHopName
from reports.queries.operator_road import StoreReading

DOCTOR = "avenue doctor"
BEHIND_S = 15.0
"""What waits longer is told: a quiet road takes two or three seconds, a commit included."""
STANDS_S = 20.0
"""As the alert HopStuckWorker: with what waits so long and no offset moved meanwhile, it stands still."""
UNMOVED_S = 8.0
"""Offsets are committed every second or two; a look that follows another at once says nothing of movement."""
OLD_S = 300.0
FAILED_SHARE = 0.01
"""As the alert PartnersTurnedAway."""
ALL_FAIL = 0.5
OF_GROUP: dict[HopCause, HopCondition] = {
    "": "flows",
    "nobody_reads": "away",
    "nothing_moves": "stands_still",
    "catching_up": "behind",
}
NEXT: dict[tuple[RoadHopName, HopCause], NextStep] = {
    ("gateway", "turned_away"): NextStep(DOCTOR, "PartnersTurnedAway"),
    ("gateway", "nothing_came"): NextStep(DOCTOR, "AccountSilent"),
    ("kafka", "no_answer"): NextStep(DOCTOR, "PublishFails"),
    ("kafka", "partitions"): NextStep("avenue topics list", "PublishFails"),
    ("worker", "nobody_reads"): NextStep(DOCTOR, "RoleMissing"),
    ("worker", "nothing_moves"): NextStep(DOCTOR, "HopStuckWorker"),
    ("worker", "catching_up"): NextStep("avenue topics list", "ConsumerLagGrowing"),
    ("clickhouse", "no_answer"): NextStep(DOCTOR, "StoreRetries"),
    ("clickhouse", "nobody_reads"): NextStep(DOCTOR, "RoleMissing"),
    ("clickhouse", "nothing_moves"): NextStep(DOCTOR, "HopStuckSink"),
    ("clickhouse", "catching_up"): NextStep("avenue topics list", "ConsumerLagGrowing"),
    ("reports", "no_answer"): NextStep(DOCTOR, "StoreRetries"),
    ("reports", "old_numbers"): NextStep(DOCTOR, "EndToEndSlow"),
}


@dataclass(slots=True)
class GroupMovement:
    """What two looks at a group come to: whether it moves, and how fast. The clock is the caller's."""

    _committed: int | None = None
    _looked_s: float = 0.0
    _since_s: float = 0.0
    _per_min: float | None = None

    def look(self, position: GroupPosition, now_s: float) -> tuple[float, float | None]:
        """Take one look in; return for how many seconds the group has not moved, and its records a minute if known."""
        if self._committed is not None and now_s > self._looked_s:
            self._per_min = max(0.0, (position.committed - self._committed) * 60 / (now_s - self._looked_s))
        if self._committed != position.committed or not position.lag_records:
            self._since_s = now_s
        self._committed, self._looked_s = position.committed, now_s
        return now_s - self._since_s, self._per_min


@dataclass(frozen=True, slots=True)
class HopSources:
    """What the hops are judged by: a source that could not be asked is None, and why; '' where nobody asks it."""

    now_ms: int
    store: StoreReading | None
    store_why: str
    broker: BrokerReading | None
    broker_why: str
    worker_moved: tuple[float, float | None] = (0.0, None)
    sink_moved: tuple[float, float | None] = (0.0, None)
    differences: int | None = None


def judge_hops(sources: HopSources) -> list[HopReading]:
    """Return the hops from left to right."""
    return [_gateway(sources), _kafka(sources), _worker(sources), _clickhouse(sources), _reports(sources)]


def first_broken(hops: Sequence[HopReading]) -> RoadHopName | None:
    """Return the first that is broken: what comes after it may be so because of it."""
    return next((hop.hop for hop in hops if hop.condition in BROKEN), None)


def _gateway(sources: HopSources) -> HopReading:
    store = sources.store
    if store is None:
        return HopReading(hop="gateway", condition="unknown", cause="not_asked", rate_of="events")
    share = store.failed / store.requests if store.requests else 0.0
    cause: HopCause = "turned_away" if share >= FAILED_SHARE else "" if store.requests else "nothing_came"
    condition: HopCondition = "flows" if store.requests else "idle"
    if cause == "turned_away":
        condition = "stands_still" if share >= ALL_FAIL else "behind"
    return HopReading(
        hop="gateway",
        condition=condition,
        cause=cause,
        rate_per_min=store.received_per_min,
        rate_of="events",
        errors=store.failed,
        next_step=_next("gateway", cause),
    )


def _kafka(sources: HopSources) -> HopReading:
    broker = sources.broker
    if broker is None:
        return _unasked("kafka", sources)
    faulty = broker.faulty_partitions > 0
    return HopReading(
        hop="kafka",
        condition="behind" if faulty else "flows",
        cause="partitions" if faulty else "",
        rate_per_min=broker.records_per_min,
        errors=broker.faulty_partitions,
        next_step=_next("kafka", "partitions") if faulty else None,
    )


def _unasked(hop: RoadHopName, sources: HopSources) -> HopReading:
    """Return a hop that only the broker can tell of, where it does not."""
    if hop == "kafka" and sources.broker_why:
        why = sources.broker_why
        return HopReading(hop=hop, condition="away", cause="no_answer", detail=why, next_step=_next(hop, "no_answer"))
    return HopReading(hop=hop, condition="unknown", cause="not_asked")


def _worker(sources: HopSources) -> HopReading:
    if sources.broker is None:
        return _unasked("worker", sources)
    errors = None if sources.store is None else sources.store.undecodable
    return _group("worker", sources.broker.worker, sources.worker_moved, now_ms=sources.now_ms, errors=errors)


def _clickhouse(sources: HopSources) -> HopReading:
    if sources.store is None:
        return HopReading(
            hop="clickhouse",
            condition="away",
            cause="no_answer",
            detail=sources.store_why,
            next_step=_next("clickhouse", "no_answer"),
        )
    if sources.broker is None:
        return _unasked("clickhouse", sources)
    errors = sources.store.foreign
    return _group("clickhouse", sources.broker.sink, sources.sink_moved, now_ms=sources.now_ms, errors=errors)


def _group(
    hop: RoadHopName, at: GroupPosition, moved: tuple[float, float | None], *, now_ms: int, errors: int | None
) -> HopReading:
    unmoved_s, per_min = moved
    waits_s = 0.0 if at.oldest_ms is None else max(0.0, (now_ms - at.oldest_ms) / 1000)
    cause: HopCause = ""
    if not at.members:
        cause = "nobody_reads"
    elif at.lag_records and waits_s >= STANDS_S and unmoved_s >= UNMOVED_S:
        cause = "nothing_moves"
    elif at.lag_records and waits_s >= BEHIND_S:
        cause = "catching_up"
    return HopReading(
        hop=hop,
        condition=OF_GROUP[cause],
        cause=cause,
        rate_per_min=per_min,
        lag_records=at.lag_records,
        lag_s=waits_s if at.oldest_ms is not None or not at.lag_records else None,
        oldest_at=told_or_none(at.oldest_ms),
        readers=at.members,
        errors=errors,
        next_step=_next(hop, cause),
    )


def _reports(sources: HopSources) -> HopReading:
    store = sources.store
    if store is None:
        step = _next("reports", "no_answer")
        return HopReading(hop="reports", condition="away", cause="no_answer", next_step=step)
    if store.complete_until_ms is None:
        return HopReading(hop="reports", condition="idle", cause="nothing_came", errors=sources.differences)
    old_s = max(0.0, (sources.now_ms - store.complete_until_ms) / 1000)
    cause: HopCause = "old_numbers" if old_s >= BEHIND_S else ""
    return HopReading(
        hop="reports",
        condition="flows" if not cause else "stands_still" if old_s >= OLD_S else "behind",
        cause=cause,
        lag_s=old_s,
        oldest_at=told_or_none(store.complete_until_ms),
        errors=sources.differences,
        next_step=_next("reports", cause),
    )


def _next(hop: RoadHopName, cause: HopCause) -> NextStep | None:
    return NEXT.get((hop, cause))
