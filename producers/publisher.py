"""Lines to Kafka: coalesced into micro-batches of one partition, acknowledged by all in-sync replicas, within a budget.

Everything here runs on one event loop but for the producer's own thread, which only reports back.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from producers.validation.effects import EventEffect
from registry.log import ONLY_PARTITION
from runtime.errors import RetryableError
from runtime.kafka import KafkaError, make_producer
from runtime.kafka_errors import explain, is_refusal
from runtime.logging import get_logger
from runtime.metrics import GATEWAY_INFLIGHT_BYTES, GATEWAY_PUBLISH_ERRORS, GATEWAY_RECORDS
from runtime.settings import GatewaySettings, KafkaSettings
from schemas.lines import BACKGROUND_LANE, HEADER_ACCOUNTS, HEADER_LANE, HEADER_SCHEMA, SCHEMA_VERSION, encode_record
from schemas.topics import Topic

log = get_logger(__name__)

RecordSettled = Callable[[str, Sequence[str], bool], None]
"""Told, for each account in a record, its ids there and whether the broker acknowledged them."""

# What a record weighs beyond its lines: position placeholders and Kafka's own framing.
_LINE_OVERHEAD_BYTES = 24
# A refused right is seen only where something is published.
REFUSED_FOR_S = 30.0


@dataclass(frozen=True, slots=True)
class LineBatch:
    """Lines of one account and one time of receipt (Unix ms) to publish, with their ids where they are events.

    *ids* has one id a line; a single line may have several. *background* ones share no record with others, so that
    whoever reads the log can let them wait.
    """

    account_id: str
    received_ms: int
    values: Sequence[bytes]
    ids: Sequence[str] = ()
    background: bool = False

    def cut(self, count: int) -> tuple["LineBatch", "LineBatch"]:
        """Return the first *count* lines and the rest."""
        if count >= len(self.values):
            return self, replace(self, values=(), ids=())
        return (
            replace(self, values=self.values[:count], ids=self.ids[:count]),
            replace(self, values=self.values[count:], ids=self.ids[count:]),
        )


class OpenRecord:
    """A record being filled; `acknowledged` resolves to True when the broker has it, False when it may not."""

    __slots__ = (
        *("accounts", "acknowledged", "background", "ids", "key"),
        *("lines", "newest_ms", "partition", "size", "topic"),
    )

    def __init__(
        self, topic: Topic, partition: int, loop: asyncio.AbstractEventLoop, *, key: bytes | None = None
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.key = key
        self.background = False
        self.lines: list[bytes] = []
        self.accounts: dict[str, int] = {}
        self.ids: dict[str, list[str]] = {}
        self.size = 0
        self.newest_ms = 0
        self.acknowledged: asyncio.Future[bool] = loop.create_future()

    def room_for(self, values: Sequence[bytes], *, max_lines: int, max_bytes: int) -> int:
        """Return how many of *values* fit, in order; an empty record has room for one of any size."""
        count, size = min(len(values), max_lines - len(self.lines)), self.size
        if size + sum(map(len, values)) + len(values) * _LINE_OVERHEAD_BYTES <= max_bytes:
            return count
        for place in range(count):
            if size + len(values[place]) > max_bytes:
                return max(place, 0 if self.lines else 1)
            size += len(values[place]) + _LINE_OVERHEAD_BYTES
        return count

    def add(self, lines: LineBatch) -> None:
        """Take *lines* in."""
        count = len(lines.values)
        self.lines += lines.values
        self.accounts[lines.account_id] = self.accounts.get(lines.account_id, 0) + count
        if lines.ids:
            self.ids.setdefault(lines.account_id, []).extend(lines.ids)
        self.size += sum(map(len, lines.values)) + count * _LINE_OVERHEAD_BYTES
        self.newest_ms = max(self.newest_ms, lines.received_ms)


class Publisher:
    """The gateway's way into Kafka.

    `acknowledged` futures never raise: True means that all in-sync replicas have the record, False that it may or may
    not be stored. Raises `RetryableError` from `reserve` where the budget of bytes in flight is used up.
    """

    def __init__(self, kafka: KafkaSettings, limits: GatewaySettings, *, finished: RecordSettled) -> None:
        self._kafka = kafka
        self._limits = limits
        self._finished = finished
        self._open: dict[tuple[Topic, int, bool], OpenRecord] = {}
        self._reported: deque[tuple[OpenRecord, Exception | None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._inflight_bytes = 0
        self._inflight: set[asyncio.Future[bool]] = set()
        self._producer: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._refused = (float("-inf"), "")

    async def start(self) -> None:
        """Connect and learn where the partitions are, so that no send has to wait for it.

        Raises `UnavailableError` where no broker answers, `RetryableError` where a topic is missing.
        """
        self._loop = asyncio.get_running_loop()
        self._producer = await asyncio.to_thread(make_producer, self._kafka, client_id="avenue-gateway")
        for topic in (Topic.EVENTS, Topic.REJECTS, Topic.DELIVERIES, Topic.CONSENT, Topic.ORDERS):
            if not await asyncio.to_thread(self._partitions, topic):
                raise RetryableError(f"topic {topic} is not there yet")

    def _partitions(self, topic: Topic) -> set[int]:
        try:
            return self._producer.partitions_for(topic) or set()
        except KafkaError:
            return set()

    async def stop(self) -> None:
        """Send what is open, wait for what is in flight (no longer than the delivery time-out), and disconnect."""
        if self._producer is None:
            return
        self._send_all()
        if self._inflight:
            _, given_up = await asyncio.wait(self._inflight, timeout=self._kafka.delivery_timeout_s)
            if given_up:
                log.warning("records in flight given up at stop", records=len(given_up))
        await asyncio.to_thread(self._producer.close, timeout=2)

    @property
    def inflight_bytes(self) -> int:
        """Bytes taken in and not yet acknowledged."""
        return self._inflight_bytes

    def reserve(self, size: int) -> None:
        """Refuse a request of *size* bytes that would break the budget, before anything of it is stored."""
        if self._inflight_bytes + size > self._limits.inflight_bytes:
            raise RetryableError(
                "too much is waiting for the broker; nothing of this request was stored", retry_after_s=2
            )

    def add(self, topic: Topic, partition: int, lines: LineBatch) -> list[tuple[LineBatch, asyncio.Future[bool]]]:
        """Take *lines* in, in order, and return what the records will come to that they are spread over."""
        limits = self._limits
        spread: list[tuple[LineBatch, asyncio.Future[bool]]] = []
        while lines.values:
            place = (topic, partition, lines.background)
            record = self._open.get(place) or self._begin(place)
            room = record.room_for(lines.values, max_lines=limits.record_events, max_bytes=limits.record_bytes)
            taken, lines = lines.cut(room)
            if room:
                record.add(taken)
                self._inflight_bytes += sum(map(len, taken.values))
                spread.append((taken, record.acknowledged))
            if lines.values or len(record.lines) >= limits.record_events:
                self._close(record)
        return spread

    def _begin(self, place: tuple[Topic, int, bool]) -> OpenRecord:
        topic, partition, background = place
        record = self._open[place] = OpenRecord(topic, partition, self._running_loop())
        record.background = background
        if self._timer is None:
            self._timer = self._running_loop().call_later(self._limits.coalesce_ms / 1000, self._send_all)
        return record

    def publish_effect(self, effect: EventEffect, received_ms: int) -> asyncio.Future[bool]:
        """Publish *effect* of an event that was received then (Unix ms), and return what its record will come to."""
        record = OpenRecord(effect.topic, ONLY_PARTITION, self._running_loop(), key=effect.key.encode())
        record.newest_ms = received_ms
        if effect.value is not None:
            record.lines.append(effect.value)
        self.count_held(_weight(record))
        self._send(record)
        return record.acknowledged

    def new_acknowledgement(self) -> asyncio.Future[bool]:
        """Return what stands for an acknowledgement until there is a record that it depends on."""
        return self._running_loop().create_future()

    def count_held(self, size: int) -> None:
        """Count *size* bytes towards the budget that are on no record (yet); a negative size lets go of them."""
        self._inflight_bytes += size

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RetryableError("the publisher is not connected yet")
        return self._loop

    def _send_all(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for record in list(self._open.values()):
            self._close(record)

    def _close(self, record: OpenRecord) -> None:
        del self._open[record.topic, record.partition, record.background]
        self._send(record)

    def _send(self, record: OpenRecord) -> None:
        self._inflight.add(record.acknowledged)
        value = _value(record)
        headers = [(HEADER_SCHEMA, SCHEMA_VERSION), (HEADER_ACCOUNTS, msgspec.json.encode(record.accounts))]
        if record.background:
            headers.append((HEADER_LANE, BACKGROUND_LANE))
        try:
            sent = self._producer.send(
                record.topic,
                value,
                key=record.key,
                partition=record.partition,
                headers=headers,
                timestamp_ms=record.newest_ms,
            )
        except (KafkaError, AssertionError) as error:
            self._settle(record, error)
            return
        GATEWAY_RECORDS.labels(record.topic).inc()
        GATEWAY_INFLIGHT_BYTES.set(self._inflight_bytes)
        sent.add_callback(lambda _: self._report(record, None))
        sent.add_errback(lambda error: self._report(record, error))

    def _report(self, record: OpenRecord, error: Exception | None) -> None:
        """Hand a result from the producer's thread to the loop, one wake-up for many."""
        self._reported.append((record, error))
        if len(self._reported) == 1:
            self._running_loop().call_soon_threadsafe(self._settle_reported)

    def _settle_reported(self) -> None:
        while self._reported:
            # Taken out last, so that the thread wakes the loop again only when this has seen everything.
            record, error = self._reported[0]
            self._settle(record, error)
            self._reported.popleft()

    def _settle(self, record: OpenRecord, error: Exception | None) -> None:
        self._inflight.discard(record.acknowledged)
        self._inflight_bytes -= _weight(record)
        GATEWAY_INFLIGHT_BYTES.set(self._inflight_bytes)
        if error is not None:
            self._note_error(record.topic, error)
        for account_id, ids in record.ids.items():
            self._finished(account_id, ids, error is None)
        _resolve(record.acknowledged, error is None)

    def problem(self) -> str | None:
        """Return what the broker refused of us within the last half minute, or None: a check for `Health`.

        An outage is none: whoever follows the registry's topic sees it, and this would not see its end.
        """
        at, refusal = self._refused
        return refusal if time.monotonic() - at < REFUSED_FOR_S else None

    def _note_error(self, topic: Topic, error: Exception) -> None:
        cause = type(error).__name__
        if is_refusal(error):
            self._refused = (time.monotonic(), explain(self._kafka, error))
        GATEWAY_PUBLISH_ERRORS.labels(topic, cause).inc()
        log.warning("record was not acknowledged", topic=topic, cause=cause)


def _weight(record: OpenRecord) -> int:
    return sum(map(len, record.lines)) + len(record.key or b"")


def _value(record: OpenRecord) -> bytes | None:
    if record.topic is Topic.EVENTS:
        return encode_record(record.lines)
    # A key without a value is a tombstone.
    return b"\n".join(record.lines) if record.lines or record.key is None else None


def _resolve(future: "asyncio.Future[bool]", acknowledged: bool) -> None:  # noqa: FBT001 - a future's only word
    if not future.done():
        future.set_result(acknowledged)
