"""The model's gateways: the real intake, window and publisher; the broker's answers are the model's to give."""

import asyncio
import itertools
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from producers.consent.ledger import ConsentChange, ConsentLedger, consent_key
from producers.consent.topic import ConsentFold
from producers.gateway.calls import RefusalLog
from producers.gateway.http_request import HttpRequest
from producers.gateway.pipeline import IngestDeps, PipelineDeps, PushPipeline, RequestIngestor
from producers.gateway.replayer import Replayer, ReplayerDeps
from producers.gateway.responses import HttpAnswer
from producers.gateway.service import settle_with
from producers.gateway.waiting_refunds import WaitingRefunds
from producers.orders.ledger import OrderLedger
from producers.orders.topic import OrderFold
from producers.publisher import Publisher
from producers.validation.dedup_window import DuplicateWindow
from producers.validation.pseudonym_cache import PseudonymCache
from producers.validation.validator import RequestCaches
from registry.pseudonyms import Pseudonyms, first_step
from runtime.clock import ManualClock
from runtime.errors import RetryableError
from runtime.kafka import KafkaError, LogRecord
from runtime.settings import GatewaySettings, KafkaSettings
from schemas.timing import DAY_MS, HOUR_MS, MINUTE_MS
from schemas.topics import Topic
from tests.road_model.surroundings import ACCESS_KEY, ACCOUNT, PRODUCTS, ModelTopics, OneKeyForAll, directory
from tests.road_model.till import TillSlip, push_slip

if TYPE_CHECKING:
    from registry.tail import TopicProjection

DELIVERY_MS = 15_000
LEAVE_S = 5.0
"""For the gateway that took an order in, before another one counts a refund of it."""
PATIENCE_MS = 15_000
"""The sender's, and the gateway's, with one request."""
LIMITS = GatewaySettings(coalesce_ms=1000, batch_publish_timeout_s=3600)
"""The model ends the wait for company, and the sender's patience."""
PUSH = {"authorization": f"Bearer {ACCESS_KEY}", "content-type": "application/x-ndjson"}
AGES_MS = (
    *(0, 0, 0, 0, 400, 5_000, 20_000, 70_000, 150_000, 179_000),
    *(4 * MINUTE_MS, 25 * MINUTE_MS, 3 * HOUR_MS, -240_000, -299_000),
)
KINDS = ("interaction", "use.completed")
CONSENT_KINDS = ("consent.withdrawn", "consent.withdrawn", "consent.granted")
CONSENT, ORDERS = (Topic.CONSENT, 0), (Topic.ORDERS, 0)


class SkewedClock:
    """A machine's clock, ahead of the time."""

    def __init__(self, clock: ManualClock, ahead_ms: int) -> None:
        self._clock, self._ahead_ms = clock, ahead_ms

    def now_ms(self) -> int:
        return self._clock.now_ms() + self._ahead_ms


@dataclass
class PartnerPush:
    """What a partner wants to be answered: it is sent until it is."""

    bodies: list[bytes]
    task: asyncio.Task[HttpAnswer] | None = None
    sent_ms: int = 0
    slip: TillSlip | None = None
    """What a till's push holds, in the place of bodies."""


class SentEvent:
    """A producer's future: a record on its way to the broker."""

    def __init__(
        self, place: tuple[Topic, int], value: bytes | None, stamp_ms: int, headers: Mapping[str, bytes]
    ) -> None:
        self.place, self.value, self.stamp_ms, self.headers = place, value, stamp_ms, headers
        self.key: bytes | None = None
        self._done: list[Callable[[Any], object]] = []
        self._failed: list[Callable[[Any], object]] = []

    def add_callback(self, call: Callable[[Any], object]) -> None:
        self._done.append(call)

    def add_errback(self, call: Callable[[Any], object]) -> None:
        self._failed.append(call)

    def resolve(self, *, acknowledged: bool) -> None:
        for call in self._done if acknowledged else self._failed:
            call(None if acknowledged else KafkaError())


class OrderlyFuture(asyncio.Future[bool]):
    """A future whose place in a set does not depend on where it lies in memory: a run is the same each time."""

    def __init__(self, number: int) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self._number = number

    def __hash__(self) -> int:
        return self._number


class OrderlyLoop:
    """The running loop, with futures that are counted."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.call_later, self.call_soon_threadsafe = loop.call_later, loop.call_soon_threadsafe
        self._numbers = itertools.count()

    def create_future(self) -> OrderlyFuture:
        return OrderlyFuture(next(self._numbers))


class GatewayProcess:
    """One gateway: its window is lost with it. *skew_ms* is how far its clock is ahead."""

    def __init__(self, clock: ManualClock, topics: ModelTopics, skew_ms: int) -> None:
        self._clock, self._topics = clock, topics
        ahead = SkewedClock(clock, skew_ms)
        self.inflight: list[tuple[int, SentEvent]] = []
        """With the time they were sent at."""
        self.requests: list[PartnerPush] = []
        self.consent = consent_at_start(topics)
        self.orders = orders_at_start(topics)
        self._folds: dict[tuple[Topic, int], TopicProjection] = {
            CONSENT: ConsentFold(self.consent),
            ORDERS: OrderFold(self.orders),
        }
        self._read_to = {place: len(topics.records[place]) for place in self._folds}
        self.window = DuplicateWindow(keep_ms=DAY_MS, max_ids=1000)
        self.publisher = Publisher(KafkaSettings(), LIMITS, finished=settle_with(self.window, ahead))
        self.publisher._loop, self.publisher._producer = OrderlyLoop(), self  # type: ignore[assignment]  # what it uses
        self.ingestor = RequestIngestor(
            IngestDeps(
                limits=LIMITS,
                directory=directory,
                duplicates=self.window,
                consent=self.consent,
                orders=self.orders,
                pseudonyms=Pseudonyms(OneKeyForAll()),
                caches=RequestCaches(PseudonymCache(keep_ms=DAY_MS, max_texts=1000)),
                publisher=self.publisher,
                clock=ahead,
            )
        )
        refusals = RefusalLog(self.publisher, ahead)
        self._pipeline = PushPipeline(
            PipelineDeps(LIMITS, directory, lambda _account, _flow: (), self.ingestor, ahead, refusals)
        )
        replayer = Replayer(ReplayerDeps(LIMITS, directory, self.ingestor, ahead))
        self._waiting = WaitingRefunds(self.orders, replayer, self.publisher, ahead)
        self._waiting._leave_s = LEAVE_S + skew_ms / 1000
        self.counting: asyncio.Task[int] | None = None

    def send(
        self,
        topic: Topic,
        value: bytes | None,
        *,
        key: bytes | None,
        partition: int,
        headers: list[tuple[str, bytes]],
        timestamp_ms: int,
    ) -> SentEvent:
        """Stand in for the Kafka producer."""
        sent = SentEvent((topic, partition), value, timestamp_ms, dict(headers))
        sent.key = key
        self.inflight.append((self._clock.now_ms(), sent))
        return sent

    def push(self, request: PartnerPush) -> None:
        """Let *request* in."""
        request.sent_ms = self._clock.now_ms()
        if request.slip is not None:
            request.task = asyncio.create_task(push_slip(self.ingestor, request.slip, request.sent_ms))
        else:
            http = HttpRequest("POST", "/v1/events", b"results=all", PUSH, b"\n".join(request.bodies))
            request.task = asyncio.create_task(self._pipeline.push_batch(http))
        self.requests.append(request)

    def follow(self) -> None:
        """Read what was written to the compacted topics since."""
        for place, fold in self._folds.items():
            records = self._topics.records[place]
            for record in records[self._read_to[place] :]:
                fold.apply(record)
            self._read_to[place] = len(records)

    def count_refunds(self, now_s: float) -> bool:
        """Begin to count refunds that waited for their order and are due; tell whether it is at work or has any."""
        if self.counting is not None and not self.counting.done():
            return True
        if self.counting is not None and not self.counting.cancelled():
            assert isinstance(self.counting.exception(), RetryableError | None)
        self.counting = asyncio.create_task(self._waiting.count_due(now_s))
        return bool(self.orders.due())

    def end_wait(self) -> None:
        """Send every open record."""
        if self.publisher._open:
            self.publisher._send_all()

    def answer_oldest(self, chance: random.Random) -> bool:
        """Let the broker answer the oldest record on its way: stored, stored with its answer lost, or not stored."""
        if not self.inflight:
            return False
        dice = chance.random()
        self._resolve(self.inflight.pop(0)[1], stored=dice < 0.9, acknowledged=dice < 0.75)
        return True

    def expire(self, until_ms: int, chance: random.Random) -> None:
        """Answer what has been on its way for longer than the delivery time-out at *until_ms*; drop those who wait."""
        self.end_wait()
        while self.inflight and self.inflight[0][0] + DELIVERY_MS < until_ms:
            self._resolve(self.inflight.pop(0)[1], stored=chance.random() < 0.4, acknowledged=False)
        for request in self.requests:
            if request.task is not None and request.sent_ms + PATIENCE_MS < until_ms:
                request.task.cancel()

    def finished(self) -> list[PartnerPush]:
        """Return the requests that have come to an end, and let go of them."""
        ended = [request for request in self.requests if request.task is not None and request.task.done()]
        for request in ended:
            self.requests.remove(request)
        return ended

    def kill(self) -> list[PartnerPush]:
        """End at once; what is on its way to the broker is lost or stored, by `expire`. Return who had no answer."""
        self.publisher._open.clear()
        if self.publisher._timer is not None:
            self.publisher._timer.cancel()
        if self.counting is not None:
            self.counting.cancel()
        dropped, self.requests = self.requests, []
        for request in dropped:
            if request.task is not None:
                request.task.cancel()
        return dropped

    def _resolve(self, sent: SentEvent, *, stored: bool, acknowledged: bool) -> None:
        if stored:
            value = sent.value or b""
            self._topics.append(sent.place, value, stamp_ms=sent.stamp_ms, key=sent.key, headers=sent.headers)
        sent.resolve(acknowledged=acknowledged)


def consent_at_start(topics: ModelTopics) -> ConsentLedger:
    """Return what a gateway knows that starts now, where compaction has left the last record of each key."""
    ledger = ConsentLedger(max_subjects=1000)
    fold = ConsentFold(ledger)
    for record in compacted(topics, CONSENT):
        fold.apply(record)
    return ledger


def orders_at_start(topics: ModelTopics) -> OrderLedger:
    """Return what such a gateway knows of orders."""
    ledger = OrderLedger(max_orders=1000, max_waiting=100)
    fold = OrderFold(ledger)
    for record in compacted(topics, ORDERS):
        fold.apply(record)
    return ledger


def compacted(topics: ModelTopics, place: tuple[Topic, int]) -> list[LogRecord]:
    """Return what compaction leaves of the records of *place*: the last of each key."""
    return list({record.key: record for record in topics.records[place]}.values())


@dataclass
class ModelPartner:
    """Sends events, each until it is answered; sends some again, hours later or at once."""

    clock: ManualClock
    careless: bool = False
    """Whether it uses ids again for other events."""
    consenting: bool = False
    """Whether its visitors withdraw their consent and grant it again."""
    selling: bool = False
    """Whether its till pushes orders, and refunds of them that name no amount."""
    sent: list[bytes] = field(default_factory=list)
    waiting: list[PartnerPush] = field(default_factory=list)
    """Requests that have to be sent again."""
    unanswered: int = 0
    changes: dict[str, tuple[str, ConsentChange]] = field(default_factory=dict)
    """By event id: the changes of consent that it sent, with the key that they have in the ledger."""
    slips: list[TillSlip] = field(default_factory=list)

    def new_request(self, chance: random.Random) -> PartnerPush:
        """Return a request of fresh events, some with ones that were sent before, or twice in it."""
        if self.selling and chance.random() < 0.5:
            return self._of_till(chance)
        bodies = [self._fresh(chance) for _ in range(chance.choice((1, 1, 2, 3)))]
        bodies += [chance.choice(self.sent) for _ in range(chance.choice((0, 0, 1, 2)))]
        if self.careless:
            used = json.loads(chance.choice(self.sent[-8:]))["event_id"]
            bodies.append(json.dumps(json.loads(self._event(chance)) | {"event_id": used}).encode())
        if chance.random() < 0.03:
            bodies.append(b'{"event_id": 5}')
        self.unanswered += 1
        return PartnerPush(bodies)

    def note(self, request: PartnerPush) -> list[dict[str, Any]]:
        """Return the verdicts of *request*; one without an answer will be sent again, as the partners' guide says."""
        task = request.task
        if task is not None and task.done() and not task.cancelled():
            answer = task.result()
            if answer.status == HTTPStatus.OK:
                self.unanswered -= 1
                verdicts: list[dict[str, Any]] = json.loads(answer.body)["results"]
                assert len(verdicts) == (1 if request.slip else len(request.bodies))
                return verdicts
            assert answer.status == HTTPStatus.SERVICE_UNAVAILABLE
        request.task = None
        self.waiting.append(request)
        return []

    def _of_till(self, chance: random.Random) -> PartnerPush:
        """Return a push of the till's: an order or a refund, the other one of a last order, or one of them again."""
        names = {slip.name for slip in self.slips}
        lacking = [slip for slip in self.slips[-4:] if (slip.order, not slip.refund) not in names]
        at_ms, dice = self.clock.now_ms() - chance.choice(AGES_MS), chance.random()
        if self.slips and dice < 0.15:
            slip = chance.choice(self.slips)
        elif lacking and dice < 0.6:
            other = chance.choice(lacking)
            slip = TillSlip(other.order, not other.refund, at_ms)
        else:
            slip = TillSlip(len(names), dice < 0.75, at_ms)
        if slip.name not in names:
            self.slips.append(slip)
        self.unanswered += 1
        return PartnerPush([], slip=slip)

    def _fresh(self, chance: random.Random) -> bytes:
        self.sent.append(self._event(chance))
        return self.sent[-1]

    def _event(self, chance: random.Random) -> bytes:
        product = chance.choice(PRODUCTS)
        occurred_ms = self.clock.now_ms() - chance.choice(AGES_MS)
        event = {
            "event_id": f"e-{len(self.sent)}",
            "kind": chance.choice(KINDS),
            "occurred_at": datetime.fromtimestamp(occurred_ms / 1000, UTC).isoformat(timespec="milliseconds"),
            "product_id": product,
            "trial_id": f"{product}-q4",
            "subject": chance.choice(("ann", "bo", "cy")),
            "duration_ms": chance.choice((250, 5230)),
        }
        if self.consenting and chance.random() < 0.3:
            self._change_consent(event, occurred_ms, chance)
        return json.dumps(event).encode()

    def _change_consent(self, event: dict[str, Any], occurred_ms: int, chance: random.Random) -> None:
        # Each for a few changes: the ledger keeps eight of one.
        event |= {"subject": f"visitor-{len(self.changes) // 4}", "kind": chance.choice(CONSENT_KINDS)}
        key = consent_key(ACCOUNT, first_step(OneKeyForAll().account_key(ACCOUNT), event["subject"]))
        self.changes[event["event_id"]] = key, ConsentChange(occurred_ms, event["kind"] == "consent.granted")
