"""One request's way through the gateway: judge each event, publish, await the acknowledgement, leave a delivery."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from producers.consent import ConsentChange, ConsentLedger
from producers.consent_log import records_of
from producers.duplicates import AccountEvent, DuplicateWindow
from producers.gateway.answers import Receipt, Verdict, rejected
from producers.intake import Accepted, Duplicate, Intake, IntakeParts, Judgement, Pseudonymiser, Rejected, Waiting
from producers.placing import TimeWindow
from producers.publisher import Line, Publisher
from registry.directory import Directory
from runtime.clock import Clock
from runtime.errors import RetryableError
from runtime.metrics import GATEWAY_EVENTS
from runtime.settings import GatewaySettings
from schemas.codec import encode
from schemas.lines import DeliveryLine, RejectLine
from schemas.registry import Account
from schemas.timing import DAY_MS
from schemas.topics import Topic

# The loop serves others after so many events of one request.
_YIELD_EVERY = 250
# A twin that fails makes the next in line the first; more than a few in a row means that the broker is gone.
_MAX_ROUNDS = 4


class UnknownStoredError(RetryableError):
    """A publish was not acknowledged in time: part of the request may be stored. A retry does no harm."""


@dataclass(frozen=True, slots=True)
class Job:
    """A request that was let in: whose, what, and how long its sender waits."""

    account: Account
    flow: str
    judges: Sequence[Callable[[Intake, int], Judgement]]
    """One per event: judges it when asked."""
    size: int
    """Bytes of the body."""
    received_ms: int
    timeout_s: float


@dataclass(frozen=True, slots=True)
class TakeInParts:
    """What taking in stands on."""

    limits: GatewaySettings
    directory: Callable[[], Directory]
    duplicates: DuplicateWindow
    consent: ConsentLedger
    pseudonyms: Pseudonymiser
    publisher: Publisher
    clock: Clock


class TakeIn:
    """Gives every event of a job its outcome, safe in Kafka, before it returns.

    Raises `RetryableError` where nothing was stored (budget, no epoch yet, no hash key yet), `UnknownStoredError`
    where part of it may be.
    """

    def __init__(self, parts: TakeInParts) -> None:
        self._parts = parts

    async def run(self, job: Job) -> Receipt:
        """Take *job* in."""
        parts = self._parts
        directory = parts.directory()
        if directory.epoch is None:
            raise RetryableError("the topics are not ready yet; nothing of this request was stored", retry_after_s=2)
        parts.publisher.reserve(job.size)
        delivery_id = f"d-{job.received_ms:011x}{os.urandom(6).hex()}"
        intake = Intake(
            IntakeParts(directory, directory.epoch.partitions, parts.duplicates, parts.consent, parts.pseudonyms),
            job.account,
            job.flow,
            delivery_id=delivery_id,
            window=self._window(job),
        )
        request = _Request(parts, job, intake)
        async with _deadline(job.timeout_s):
            await request.judge_all()
            await request.publish_kept(intake.consent_changes)
            receipt = Receipt(delivery_id, request.verdicts())
            await request.publish_delivery(receipt)
        _count(job.account, receipt.verdicts)
        return receipt

    def _window(self, job: Job) -> TimeWindow:
        limits = self._parts.limits
        days = job.account.max_event_age_days or limits.max_event_age_days
        return TimeWindow(
            oldest_ms=job.received_ms - days * DAY_MS,
            newest_ms=job.received_ms + int(limits.max_ahead_s * 1000),
            now_ms=job.received_ms,
        )


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


def _unknown() -> UnknownStoredError:
    return UnknownStoredError(
        "the broker did not acknowledge in time; part of this request may be stored. Send it again: the same event_id "
        "is counted once",
        retry_after_s=2,
    )


class _Request:
    """The state of one job under way."""

    def __init__(self, parts: TakeInParts, job: Job, intake: Intake) -> None:
        self._parts = parts
        self._job = job
        self._intake = intake
        self._verdicts: dict[int, Verdict] = {}
        self._records: set[asyncio.Future[bool]] = set()
        self._rejects: list[RejectLine] = []

    def verdicts(self) -> list[Verdict]:
        """Return the verdict of each event, in order."""
        return [self._verdicts[index] for index in range(len(self._job.judges))]

    async def judge_all(self) -> None:
        """Give every event its outcome; return when what was accepted is acknowledged."""
        open_indexes = list(range(len(self._job.judges)))
        for _ in range(_MAX_ROUNDS):
            waiting = await self._judge(open_indexes)
            await self._acknowledged()
            if not waiting:
                return
            open_indexes = [index for index, twin in waiting if not await asyncio.shield(twin.twin)]
            self._verdicts |= {
                index: Verdict(index, twin.event_id, "duplicate")
                for index, twin in waiting
                if index not in open_indexes
            }
            if not open_indexes:
                return
        raise _unknown()

    async def _judge(self, indexes: Sequence[int]) -> list[tuple[int, Waiting]]:
        waiting: list[tuple[int, Waiting]] = []
        for count, index in enumerate(indexes, start=1):
            match self._job.judges[index](self._intake, index):
                case Accepted() as accepted:
                    self._publish(accepted)
                    self._verdicts[index] = Verdict(index, accepted.event_id, "accepted")
                case Duplicate(event_id):
                    self._verdicts[index] = Verdict(index, event_id, "duplicate")
                case Waiting() as twin:
                    waiting.append((index, twin))
                case Rejected(fault, line):
                    self._rejects.append(line)
                    self._verdicts[index] = rejected(index, fault.event_id, fault.reason, fault.field, fault.message)
            if count % _YIELD_EVERY == 0:
                await asyncio.sleep(0)
        return waiting

    def _publish(self, accepted: Accepted) -> None:
        account_id = self._job.account.id
        ids = (accepted.event_id, accepted.alias) if accepted.alias else (accepted.event_id,)
        line = Line(account_id, self._job.received_ms, accepted.line, ids)
        record = self._parts.publisher.add(Topic.EVENTS, accepted.partition, line)
        for known_as in ids:
            self._parts.duplicates.claim((account_id, known_as), record)
        self._records.add(record)

    async def _acknowledged(self) -> None:
        for record in self._records:
            # Shielded: the record is other requests' too, and its outcome counts though this sender hangs up.
            if not await asyncio.shield(record):
                raise _unknown()
        self._records.clear()

    async def publish_kept(self, changes: Mapping[str, Sequence[ConsentChange]]) -> None:
        """Publish what stays of this request beside its events: rejects, and changes of consent."""
        publisher = self._parts.publisher
        for line in self._rejects:
            kept = Line(line.account_id, line.received_ms, encode(line))
            self._records.add(publisher.add(Topic.REJECTS, 0, kept))
        for key, value in records_of(self._parts.consent, changes):
            if not await publisher.publish_keyed(Topic.CONSENT, key, value):
                raise _unknown()
        await self._acknowledged()

    async def publish_delivery(self, receipt: Receipt) -> None:
        """Publish what is about to be answered."""
        job = self._job
        line = DeliveryLine(
            delivery_id=receipt.delivery_id,
            account_id=job.account.id,
            platform=job.account.platform,
            flow=job.flow,
            status=200,
            received=len(receipt.verdicts),
            accepted=receipt.accepted,
            duplicate=receipt.duplicate,
            rejected=receipt.rejected,
            reasons=receipt.reasons(),
            body_bytes=job.size,
            received_ms=job.received_ms,
            answered_ms=self._parts.clock.now_ms(),
        )
        self._records.add(
            self._parts.publisher.add(Topic.DELIVERIES, 0, Line(job.account.id, job.received_ms, encode(line)))
        )
        await self._acknowledged()


def _count(account: Account, verdicts: Sequence[Verdict]) -> None:
    counts: dict[tuple[str, str], int] = {}
    for verdict in verdicts:
        key = (verdict.verdict, verdict.reason)
        counts[key] = counts.get(key, 0) + 1
    for (outcome, reason), count in counts.items():
        GATEWAY_EVENTS.labels(account.id, account.platform, outcome, reason).inc(count)


def settle_with(duplicates: DuplicateWindow, clock: Clock) -> Callable[[list[AccountEvent], bool], None]:
    """Return what the publisher tells of each record: the window learns which ids the broker has."""

    def finished(events: list[AccountEvent], acknowledged: bool) -> None:  # noqa: FBT001 - the publisher's only word
        if events:
            duplicates.settle(events, acknowledged=acknowledged, now_ms=clock.now_ms())

    return finished
