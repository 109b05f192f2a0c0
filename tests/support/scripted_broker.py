"""A gateway whose broker is the test's hand: every record waits until the test says what becomes of it."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from producers.adapters.base import MappedMessage
from producers.consent.ledger import ConsentLedger
from producers.consent.topic import ConsentFold
from producers.gateway.ingest_request import BatchElements, IngestRequest, NativeMessages
from producers.gateway.pipeline import IngestDeps, RequestIngestor
from producers.gateway.replayer import Replayer, ReplayerDeps
from producers.gateway.service import settle_with
from producers.gateway.waiting_refunds import WaitingRefunds
from producers.orders.ledger import OrderLedger
from producers.orders.topic import OrderFold
from producers.publisher import Publisher
from producers.validation.dedup_window import DuplicateWindow
from producers.validation.pseudonym_cache import PseudonymCache
from producers.validation.validator import RequestCaches
from registry.directory import Directory
from registry.pseudonyms import Pseudonyms
from runtime.clock import ManualClock
from runtime.kafka import KafkaError, LogRecord
from runtime.settings import GatewaySettings, KafkaSettings
from schemas.lines import StoredEvent
from schemas.timing import DAY_MS
from schemas.topics import Topic
from tests.support.factories import NOW_MS, REGISTRY, HashKeys
from tests.support.settlement_harness import epoch_of
from tests.support.waiting import wait_until_answered

if TYPE_CHECKING:
    from producers.gateway.responses import BatchResult

T = TypeVar("T")
PARTITIONS = 4
DIRECTORY = Directory(1, REGISTRY, {}, (epoch_of(1, PARTITIONS),))
TURNS = 12
"""Of the loop: more than any chain of callbacks within a gateway takes."""


class Sent:
    """A record on its way: the test acknowledges or refuses it."""

    def __init__(self, topic: Topic, key: bytes | None, value: bytes | None) -> None:
        self.topic, self.key, self.value = topic, key, value
        self._done: list[Callable[[Any], object]] = []
        self._failed: list[Callable[[Any], object]] = []

    def add_callback(self, call: Callable[[Any], object]) -> None:
        self._done.append(call)

    def add_errback(self, call: Callable[[Any], object]) -> None:
        self._failed.append(call)

    def resolve(self, *, acknowledged: bool) -> None:
        for call in self._done if acknowledged else self._failed:
            call(None if acknowledged else KafkaError())


class HandBroker:
    """The topics, and what is on its way to them. Outlives the gateways."""

    def __init__(self) -> None:
        self.waiting: list[Sent] = []
        self.records: list[LogRecord] = []
        self.refuses: set[Topic] = set()
        """Topics whose next sends fail at once."""

    def send(self, topic: Topic, value: bytes | None, *, key: bytes | None = None, **_: object) -> Sent:
        """Stand in for the Kafka producer."""
        if topic in self.refuses:
            raise KafkaError
        self.waiting.append(Sent(topic, key, value))
        return self.waiting[-1]

    def topics(self) -> list[Topic]:
        """Return where what is on its way goes to, in order."""
        return [sent.topic for sent in self.waiting]

    def answer(self, topic: Topic, *, acknowledged: bool = True, stored: bool | None = None) -> None:
        """Let everything that is on its way to *topic* have come to this."""
        answered = [sent for sent in self.waiting if sent.topic is topic]
        assert answered, f"nothing is on its way to {topic}"
        self.waiting = [sent for sent in self.waiting if sent.topic is not topic]
        for sent in answered:
            if acknowledged if stored is None else stored:
                self.records.append(LogRecord(topic, 0, len(self.records), 0, sent.key, sent.value or b"", {}))
            sent.resolve(acknowledged=acknowledged)

    def on(self, topic: Topic) -> list[LogRecord]:
        """Return the records of *topic*."""
        return [record for record in self.records if record.topic is topic]

    def events(self) -> list[StoredEvent]:
        """Return the published lines."""
        lines = [line for record in self.on(Topic.EVENTS) for line in record.value.split(b"\n")]
        return [msgspec.json.decode(line, type=StoredEvent) for line in lines]


class HandGateway:
    """One gateway on it: a restarted one reads the compacted topics from their beginning."""

    def __init__(self, broker: HandBroker, limits: GatewaySettings | None = None) -> None:
        self.broker = broker
        self.clock = ManualClock(NOW_MS)
        self.directory = DIRECTORY
        self.consent = ConsentLedger(max_subjects=100)
        self.orders = OrderLedger(max_orders=100, max_waiting=10)
        self.duplicates = DuplicateWindow(keep_ms=DAY_MS, max_ids=1000)
        self.limits = limits or GatewaySettings(coalesce_ms=0)
        self.publisher = Publisher(KafkaSettings(), self.limits, finished=settle_with(self.duplicates, self.clock))
        self.publisher._loop, self.publisher._producer = asyncio.get_running_loop(), broker
        self.ingestor = RequestIngestor(
            IngestDeps(
                limits=self.limits,
                directory=lambda: self.directory,
                duplicates=self.duplicates,
                consent=self.consent,
                orders=self.orders,
                pseudonyms=Pseudonyms(HashKeys()),
                publisher=self.publisher,
                clock=self.clock,
                caches=RequestCaches(PseudonymCache(keep_ms=DAY_MS, max_texts=1000)),
            )
        )
        self.replayer = Replayer(ReplayerDeps(self.limits, lambda: self.directory, self.ingestor, self.clock))
        self.waiting_refunds = WaitingRefunds(self.orders, self.replayer, self.publisher, self.clock)
        self.follow()

    def follow(self) -> None:
        """Read what is on the compacted topics."""
        for topic, fold in ((Topic.CONSENT, ConsentFold(self.consent)), (Topic.ORDERS, OrderFold(self.orders))):
            for record in self.broker.on(topic):
                fold.apply(record)

    def push(self, events: Sequence[Mapping[str, Any]], account: str = "sunmi-main") -> "asyncio.Task[BatchResult]":
        """Let a batch in."""
        elements = [json.dumps(event).encode() for event in events]
        return self._ingest(BatchElements(elements), account, "events")

    def push_native(
        self, messages: list[MappedMessage], account: str = "sunmi-main", flow: str = "receipt"
    ) -> "asyncio.Task[BatchResult]":
        """Let a platform's push in."""
        return self._ingest(NativeMessages(messages, b"the bytes"), account, flow)

    def _ingest(self, events: BatchElements | NativeMessages, account: str, flow: str) -> "asyncio.Task[BatchResult]":
        request = IngestRequest(
            account=self.directory.accounts[account],
            flow=flow,
            events=events,
            size=100,
            received_ms=NOW_MS,
            timeout_s=60,
        )
        return asyncio.create_task(self.ingestor.ingest(request))


async def turn() -> None:
    """Let the loop do all that it can do without the broker."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def serve(broker: HandBroker, task: "asyncio.Task[T]") -> T:
    """Acknowledge whatever comes until *task* has ended; a thread that it waits for may take its time."""

    async def has_ended() -> bool:
        await turn()
        for topic in dict.fromkeys(broker.topics()):
            broker.answer(topic)
        return task.done()

    for _ in range(20):
        if await has_ended():
            break
    else:
        await wait_until_answered(has_ended, otherwise="the task has not ended")
    return task.result()
