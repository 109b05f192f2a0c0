"""One request's way through the gateway: judge each event, publish, await the acknowledgement, leave a delivery."""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from producers.consent.ledger import ConsentLedger
from producers.gateway.held_lines import HeldLines
from producers.gateway.responses import BatchResult, Verdict, rejected
from producers.orders.ledger import OrderLedger, TriedOrders
from producers.publisher import LineBatch, Publisher, RecordSettled
from producers.replay import DryRunConsent, PrehashedPseudonyms
from producers.validation.dedup_window import DuplicateWindow
from producers.validation.placement import TimeWindow
from producers.validation.pseudonym_cache import Pseudonymiser
from producers.validation.results import BatchResults, PartitionBatch, Validate
from producers.validation.validator import (
    DuplicateEvent,
    EventValidator,
    InFlightDuplicate,
    RejectedEvent,
    RequestCaches,
    ValidatorDeps,
)
from registry.directory import Directory
from runtime.clock import Clock
from runtime.errors import RetryableError, UnavailableError
from runtime.metrics import GATEWAY_EVENTS, GATEWAY_REPLAYS
from runtime.settings import GatewaySettings
from schemas.codec import encode
from schemas.lines import DeliveryLine, RejectLine
from schemas.registry import Account
from schemas.timing import DAY_MS
from schemas.topics import Topic

# The loop serves others after so many events of one request, a few milliseconds.
_RUN_EVENTS = 500
# A twin that fails makes the next in line the first; more than a few in a row means that the broker is gone.
_MAX_ROUNDS = 4


class UnknownStoredError(RetryableError):
    """A publish was not acknowledged in time: part of the request may be stored. A retry does no harm."""


@dataclass(frozen=True, slots=True)
class IngestRequest:
    """A request that was let in: whose, what, and how long its sender waits."""

    account: Account
    flow: str
    received: int
    """How many events it has."""
    judge_with: Callable[[EventValidator], Validate]
    """What judges them."""
    size: int
    """Bytes of the body."""
    received_ms: int
    timeout_s: float
    replay: "ReplayOrigin | None" = None


@dataclass(frozen=True, slots=True)
class ReplayOrigin:
    """What a job is that judges kept rejects once more."""

    reject_ids: Sequence[str]
    """By index in the job."""
    asked_by: str
    """The id of the key that asked for it."""


@dataclass(frozen=True, slots=True)
class IngestDeps:
    """What ingesting needs."""

    limits: GatewaySettings
    directory: Callable[[], Directory]
    duplicates: DuplicateWindow
    consent: ConsentLedger
    orders: OrderLedger
    pseudonyms: Pseudonymiser
    publisher: Publisher
    clock: Clock
    memory: RequestCaches


class RequestIngestor:
    """Gives every event of a job its outcome, safe in Kafka, before it returns.

    Raises `RetryableError` where nothing was stored (budget, no epoch yet, no hash key yet), `UnknownStoredError`
    where part of it may be.
    """

    def __init__(self, parts: IngestDeps) -> None:
        self._parts = parts

    async def run(self, job: IngestRequest) -> BatchResult:
        """Take *job* in."""
        parts = self._parts
        intake = self._intake(job)
        parts.publisher.reserve(job.size)
        request = _RequestInProgress(parts, job, intake)
        try:
            async with _deadline(job.timeout_s):
                await request.judge_all()
                await request.publish_rejects()
                receipt = request.receipt(intake.delivery_id)
                await request.publish_delivery(receipt)
        except UnavailableError as error:
            # Found missing at a later event of many: what came before it is on its way.
            raise (_unknown(str(error)) if request.began else error) from error
        finally:
            request.let_go()
        _count(job, receipt)
        return receipt

    def try_out(self, job: IngestRequest) -> BatchResult:
        """Return what *job* would come to now; nothing is stored, claimed or remembered."""
        parts = self._parts
        intake = self._intake(job, DryRunConsent(parts.consent), TriedOrders(parts.orders))
        judged = job.judge_with(intake)(range(job.received))
        told = [_verdict(index, other) for index, other in judged.others]
        return BatchResult("", {i: event_id for pile in judged.accepted for i, event_id in pile.events()}, told)

    def _intake(
        self, job: IngestRequest, consent: ConsentLedger | None = None, orders: OrderLedger | None = None
    ) -> EventValidator:
        parts, directory = self._parts, self._parts.directory()
        if directory.epoch is None:
            raise RetryableError("the topics are not ready yet; nothing of this request was stored", retry_after_s=2)
        pseudonyms = PrehashedPseudonyms(parts.pseudonyms) if job.replay else parts.pseudonyms
        given = ValidatorDeps(
            directory,
            directory.epoch.partitions,
            parts.duplicates,
            parts.consent if consent is None else consent,
            parts.orders if orders is None else orders,
            pseudonyms,
            parts.memory,
        )
        delivery_id = f"d-{job.received_ms:011x}{os.urandom(6).hex()}"
        window = window_of(job.account, parts.limits, job.received_ms)
        return EventValidator(given, job.account, job.flow, delivery_id=delivery_id, window=window)


def window_of(account: Account, limits: GatewaySettings, now_ms: int) -> TimeWindow:
    """Return the times that are taken of *account* at *now_ms*."""
    days = account.max_event_age_days or limits.max_event_age_days
    return TimeWindow(
        oldest_ms=now_ms - days * DAY_MS, newest_ms=now_ms + int(limits.max_ahead_s * 1000), now_ms=now_ms
    )


def _verdict(index: int, other: DuplicateEvent | InFlightDuplicate | RejectedEvent) -> Verdict:
    """Return what the sender is told of an event that was not accepted; one that waits, as if its twin made it."""
    if isinstance(other, RejectedEvent):
        fault = other.fault
        return rejected(index, fault.event_id, fault.reason, fault.field, fault.message)
    return Verdict(index, other.event_id, "duplicate")


class _deadline:  # noqa: N801 - reads as the asyncio.timeout it wraps
    """Turn a time-out into the error that says what it means to the sender."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout = asyncio.timeout(timeout_s)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(self, *details: object) -> None:
        try:
            await self._timeout.__aexit__(*details)  # type: ignore[arg-type]  # passed on as they came
        except TimeoutError as error:
            raise _unknown() from error


def _unknown(cause: str = "the broker did not acknowledge in time") -> UnknownStoredError:
    return UnknownStoredError(
        f"{cause}; part of this request may be stored. Send it again: the same event_id is counted once",
        retry_after_s=2,
    )


class _RequestInProgress:
    """The state of one job under way."""

    def __init__(self, parts: IngestDeps, job: IngestRequest, intake: EventValidator) -> None:
        self._parts = parts
        self._job = job
        self._judge = job.judge_with(intake)
        self._accepted: dict[int, str] = {}
        self._others: dict[int, Verdict] = {}
        self._records: set[asyncio.Future[bool]] = set()
        self._rejects: list[RejectLine] = []
        self._held = HeldLines(parts.publisher, parts.duplicates, parts.clock)
        self.began = False
        """Whether anything of it is on its way to the broker."""

    def receipt(self, delivery_id: str) -> BatchResult:
        """Return what became of each event."""
        return BatchResult(delivery_id, self._accepted, [self._others[index] for index in sorted(self._others)])

    def let_go(self) -> None:
        """Give up what was not published: to be called however the request ends."""
        self._held.let_go()

    async def judge_all(self) -> None:
        """Give every event its outcome; return when what was accepted, and what was caused, is acknowledged."""
        open_indexes: Sequence[int] = range(self._job.received)
        for _ in range(_MAX_ROUNDS):
            waiting = await self._judge_round(open_indexes)
            released = await self._held.release()
            if released is None:
                raise _unknown()
            self._records |= released
            await self._acknowledged()
            if not waiting:
                return
            open_indexes = [index for index, twin in waiting if not await asyncio.shield(twin.original)]
            self._others |= {
                index: Verdict(index, twin.event_id, "duplicate")
                for index, twin in waiting
                if index not in open_indexes
            }
            if not open_indexes:
                return
        raise _unknown()

    async def _judge_round(self, indexes: Sequence[int]) -> list[tuple[int, InFlightDuplicate]]:
        waiting: list[tuple[int, InFlightDuplicate]] = []
        for start in range(0, len(indexes), _RUN_EVENTS):
            if start:
                await asyncio.sleep(0)
            # Judged and claimed without a pause in between: what another request brings meanwhile is its twin.
            judged = self._judge(indexes[start : start + _RUN_EVENTS])
            self._publish(judged)
            for index, other in judged.others:
                match other:
                    case InFlightDuplicate():
                        waiting.append((index, other))
                    case RejectedEvent(line=line):
                        self._rejects.append(line)
                        self._others[index] = _verdict(index, other)
                    case DuplicateEvent():
                        self._others[index] = _verdict(index, other)
        return waiting

    def _publish(self, judged: BatchResults) -> None:
        self.began = self.began or bool(judged.effects or judged.accepted)
        self._held.cause(judged.effects, self._job.received_ms)
        for pile in judged.accepted:
            lines = LineBatch(self._job.account.id, self._job.received_ms, pile.lines, pile.ids)
            now, behind = lines.cut(self._free(pile))
            if now.values:
                self._add_events(pile.partition, now)
            if behind.values:
                self._held.take(pile.partition, behind)
            self._accepted.update(pile.events())

    def _free(self, pile: PartitionBatch) -> int:
        """Return how many of the lines of *pile* wait for nothing."""
        if self._held.holds(pile.partition):
            return 0
        return len(pile.lines) if pile.held_from is None else pile.held_from

    def _add_events(self, partition: int, lines: LineBatch) -> None:
        for taken, record in self._parts.publisher.add(Topic.EVENTS, partition, lines):
            if not record.done():
                self._parts.duplicates.claim(lines.account_id, taken.ids, record)
            self._records.add(record)

    async def _acknowledged(self) -> None:
        for record in self._records:
            # Shielded: the record is other requests' too, and its outcome counts though this sender hangs up.
            if not await asyncio.shield(record):
                raise _unknown()
        self._records.clear()

    async def publish_rejects(self) -> None:
        """Publish what is kept of this request beside its events."""
        if self._rejects:
            self._add(Topic.REJECTS, [encode(line) for line in self._rejects])
            await self._acknowledged()

    async def publish_delivery(self, receipt: BatchResult) -> None:
        """Publish what is about to be answered."""
        job, counts = self._job, receipt.counts()
        line = DeliveryLine(
            delivery_id=receipt.delivery_id,
            account_id=job.account.id,
            platform=job.account.platform,
            flow=job.flow,
            status=200,
            received=receipt.received,
            accepted=counts["accepted"],
            duplicate=counts["duplicate"],
            rejected=counts["rejected"],
            reasons=receipt.reasons(),
            body_bytes=job.size,
            received_ms=job.received_ms,
            answered_ms=self._parts.clock.now_ms(),
            **_replayed(job.replay, receipt),
        )
        self._add(Topic.DELIVERIES, [encode(line)])
        await self._acknowledged()

    def _add(self, topic: Topic, values: Sequence[bytes]) -> None:
        lines = LineBatch(self._job.account.id, self._job.received_ms, values)
        self._records.update(record for _, record in self._parts.publisher.add(topic, 0, lines))


def _replayed(replay: ReplayOrigin | None, receipt: BatchResult) -> dict[str, Any]:
    """Return what a delivery says of a replay."""
    if replay is None:
        return {}
    verdicts = [(index, "accepted", "") for index in receipt.accepted_ids]
    verdicts += [(other.index, other.verdict, other.reason) for other in receipt.others]
    told = [(replay.reject_ids[index], verdict, reason) for index, verdict, reason in sorted(verdicts)]
    return {"replay": True, "replays": told, "asked_by": replay.asked_by}


def _count(job: IngestRequest, receipt: BatchResult) -> None:
    account = job.account
    if job.replay is not None:
        # Counted as rejected when they came first; shares of rejects are of what partners send.
        for verdict, count in receipt.counts().items():
            GATEWAY_REPLAYS.labels(account.id, verdict).inc(count)
        return
    counts = Counter((verdict.verdict, verdict.reason) for verdict in receipt.others)
    counts["accepted", ""] += len(receipt.accepted_ids)
    for (outcome, reason), count in counts.items():
        GATEWAY_EVENTS.labels(account.id, account.platform, outcome, reason).inc(count)


def settle_with(duplicates: DuplicateWindow, clock: Clock) -> RecordSettled:
    """Return what the publisher tells of each record: the window learns which ids the broker has."""

    def finished(account_id: str, ids: Sequence[str], acknowledged: bool) -> None:  # noqa: FBT001 - the publisher's word
        duplicates.settle(account_id, ids, acknowledged=acknowledged, now_ms=clock.now_ms())

    return finished
