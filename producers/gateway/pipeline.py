"""A push's whole way through the gateway, in one file: read this first.

                   POST /v1/events         GET or POST /in/{account}/{flow}       avenue rejects replay
                          │                              │                                  │
                   PushPipeline.push_batch PushPipeline.push_native               Replayer.replay
    admit          Admission.turn_away: over its rate, or told to come later                │
    wait its turn  FairTurns.turn: accounts one after another                               │
    authenticate   authenticate_sender     Adapter.adapt: checks the signature             │
    split / adapt  unpack, split           and takes the push apart               reread_reject
                          └───────────────────── IngestRequest ────────────────────────────┘
                                                       │
                   RequestIngestor.ingest, a run of events at a time:
    validate       validate_run ── an element ──▶ FastPath.validate
                        │            what that leaves ──▶ EventValidator.validate_bytes
                        ├───────── a message ──▶ EventValidator.validate_mapped, .validate_unmapped
                        └── a reject, in a replay ──▶ revalidate
      place        PlacementCache.find on the fast path, else resolve_placement
      pseudonymise TrialPseudonyms.of_session on the fast path, else Pseudonyms.first_step and .second_step
                                              │ BatchResults
    publish        Publisher.publish_effect  what events cause, acknowledged before their lines (HeldLines)
                   Publisher.add             events; acknowledged, then rejects; acknowledged, last the delivery
                                              │ BatchResult
    answer         BatchResult.answer                      Adapter.positive or .negative

What is answered positively is on all in-sync replicas. Every request gets an answer, and every event an outcome.
"""

import asyncio
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from producers.adapters.base import (
    Adapter,
    AdapterResult,
    MappedMessage,
    NativePush,
    PlatformHandshake,
    RefusedPush,
)
from producers.adapters.catalogue import adapter_for
from producers.consent.ledger import ConsentLedger
from producers.gateway.admission import Admission, TurnedAway, is_background
from producers.gateway.authentication import SecretsFor, authenticate_sender, claimed_account
from producers.gateway.calls import CallSampler, RefusalLog
from producers.gateway.fair_turns import FairTurns
from producers.gateway.held_lines import HeldLines
from producers.gateway.http_request import HttpRequest
from producers.gateway.idempotency import MAX_IDEMPOTENCY_KEY_CHARS, IdempotencyKeys
from producers.gateway.ingest_request import (
    BatchElements,
    IngestRequest,
    KeptRejects,
    NativeMessages,
    RequestEvents,
    RequestProgress,
    UnknownStoredError,
    count_outcomes,
    delivery_line,
    verdict_of,
    window_of,
)
from producers.gateway.noted_secrets import NoteSecret, adapt_by_each, note_nowhere
from producers.gateway.responses import (
    BatchResult,
    HttpAnswer,
    Verdict,
    delivery_header,
    over_limit,
    platform_answer,
    problem,
)
from producers.orders.ledger import OrderLedger, TriedOrders
from producers.parsing.body import BodyProblem, split, unpack
from producers.publisher import LineBatch, Publisher
from producers.replay import DryRunConsent, PrehashedPseudonyms, revalidate
from producers.validation.dedup_window import DuplicateWindow
from producers.validation.fast_path import FastPath
from producers.validation.pseudonym_cache import Pseudonymiser
from producers.validation.results import BatchResults, PartitionBatch
from producers.validation.validator import (
    BATCH_FLOW,
    EventValidator,
    InFlightDuplicate,
    RejectedEvent,
    RequestCaches,
    ValidatorDeps,
)
from registry.directory import Directory
from runtime.clock import Clock
from runtime.errors import RetryableError, UnavailableError
from runtime.logging import get_logger
from runtime.metrics import GATEWAY_REQUEST_SECONDS, GATEWAY_REQUESTS, GATEWAY_TURNED_AWAY
from runtime.settings import GatewaySettings
from schemas.codec import encode
from schemas.registry import Account
from schemas.topics import Topic

log = get_logger(__name__)

# The loop serves others after so many events of one request, a few milliseconds.
RUN_EVENTS = 500
# Others wait for a run of background work less than they would notice.
BACKGROUND_RUN_EVENTS = 100
# An original that fails makes the next in line the first; more than a few in a row means that the broker is gone.
MAX_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class PipelineDeps:
    """What the pipeline needs."""

    limits: GatewaySettings
    directory: Callable[[], Directory]
    secrets_for: SecretsFor
    ingestor: "RequestIngestor"
    clock: Clock
    refusals: RefusalLog
    timer: Callable[[], float] = time.monotonic
    """Seconds, by which rates are counted."""
    note_secret: NoteSecret = note_nowhere


class PushPipeline:
    """Answers batch and native pushes. Total: every request gets an answer, and one line in the request metrics."""

    def __init__(self, deps: PipelineDeps) -> None:
        self._deps = deps
        self._admission = Admission(deps.limits)
        self._turns = deps.ingestor.turns
        self._calls = CallSampler(deps.limits)
        self._keys = IdempotencyKeys(max_keys=deps.limits.idempotency_keys, keep_s=deps.limits.idempotency_minutes * 60)

    async def push_batch(self, request: HttpRequest) -> HttpAnswer:
        """Answer `POST /v1/events`."""
        deps, started = self._deps, time.perf_counter()
        account = authenticate_sender(
            request, deps.directory(), deps.secrets_for, deps.clock.now_ms(), deps.note_secret
        )
        if isinstance(account, HttpAnswer):
            answer, account_id = account, "-"
            deps.refusals.note(claimed_account(request, deps.directory()), BATCH_FLOW, answer)
        else:
            answer, account_id = await self._answer_admitted(request, account), account.id
            deps.refusals.note(account, BATCH_FLOW, answer)
        GATEWAY_REQUESTS.labels(account_id, BATCH_FLOW, answer.status).inc()
        GATEWAY_REQUEST_SECONDS.labels(BATCH_FLOW).observe(time.perf_counter() - started)
        return answer

    async def push_native(self, account_id: str, flow: str, request: HttpRequest) -> HttpAnswer:
        """Answer `/in/{account}/{flow}` in the platform's own words."""
        started = time.perf_counter()
        account = self._deps.directory().accounts.get(account_id)
        adapter = adapter_for(account.platform, flow) if account is not None else None
        secrets = self._deps.secrets_for(account, flow) if account is not None and adapter is not None else ()
        if account is None or adapter is None or not secrets:
            GATEWAY_REQUESTS.labels("-", "-", 404).inc()
            unknown = problem(404, "no such account or flow; the address is /in/{account}/{flow}")
            return self._deps.refusals.note(account, "", unknown)  # without the flow's name, which somebody typed
        push = NativePush(
            method=request.method,
            path=request.path,
            query=request.query,
            headers=request.headers,
            body=request.body,
            received_ms=self._deps.clock.now_ms(),
            account=account,
            flow=flow,
            secrets=secrets,
        )
        answer = await self._answer_native(push, adapter)
        self._deps.refusals.note(account, adapter.flow, answer)
        GATEWAY_REQUESTS.labels(account.id, adapter.flow, answer.counts_as or answer.status).inc()
        GATEWAY_REQUEST_SECONDS.labels(adapter.flow).observe(time.perf_counter() - started)
        return answer

    async def _answer_admitted(self, request: HttpRequest, account: Account) -> HttpAnswer:
        """Answer a batch of *account* within its bounds, and tell it of them where they are its own."""
        away = self._admission.enter(account, len(request.body), self._deps.timer())
        if away is not None:
            GATEWAY_TURNED_AWAY.labels(account.id, away.cause).inc()
            answer = problem(429, away.detail, retry_after_s=away.wait_s)
        else:
            self._admission.count_request(account, self._deps.timer())
            try:
                answer = await self._answer_once(request, account)
            finally:
                self._admission.leave(account, len(request.body))
        if away is not None or account.rate_per_s is not None:
            answer = replace(answer, headers=answer.headers | self._admission.headers(account, self._deps.timer()))
        return answer

    async def _answer_once(self, request: HttpRequest, account: Account) -> HttpAnswer:
        """Answer a retry under its `Idempotency-Key` as its first try was."""
        key = request.headers.get("idempotency-key", "")
        if not key:
            return await self._ingest_batch(request, account)
        if len(key) > MAX_IDEMPOTENCY_KEY_CHARS:
            return problem(400, f"Idempotency-Key has at most {MAX_IDEMPOTENCY_KEY_CHARS} characters")
        digest = hashlib.sha256(request.query + b"\0" + request.body).digest()
        claimed = await self._keys.claim(account.id, key, digest)
        if isinstance(claimed, HttpAnswer):
            return claimed
        answer: HttpAnswer | None = None
        try:
            answer = await self._ingest_batch(request, account)
        finally:
            kept = answer if answer is not None and answer.status == 200 else None
            self._keys.end(account.id, key, claimed, kept)
        return answer

    async def _ingest_batch(self, request: HttpRequest, account: Account) -> HttpAnswer:
        limits, background = self._deps.limits, is_background(account, request.headers)
        async with self._turns.turn(account.id, background=background):
            received_ms = self._deps.clock.now_ms()
            body = unpack(request.body, request.headers.get("content-encoding", ""), max_bytes=limits.max_body_bytes)
            if isinstance(body, BodyProblem):
                return problem(body.status, body.detail)
            elements = split(body, request.headers.get("content-type", ""), max_events=limits.max_events)
            if isinstance(elements, BodyProblem):
                return problem(elements.status, elements.detail)
            self._admission.count_events(account, len(elements), self._deps.timer())
        events, timeout_s = BatchElements(elements), limits.batch_publish_timeout_s
        size, call = len(body), partial(self._calls.batch, request, account, elements)
        try:
            result = await self._deps.ingestor.ingest(
                IngestRequest(account, BATCH_FLOW, events, size, received_ms, timeout_s, background, call)
            )
        except UnknownStoredError as error:
            return problem(503, str(error), retry_after_s=error.retry_after_s, stored="unknown")
        except RetryableError as error:
            return problem(503, str(error), retry_after_s=error.retry_after_s, stored="nothing")
        except UnavailableError as error:
            return problem(503, str(error), retry_after_s=5, stored="nothing")
        return result.answer(every=b"results=all" in request.query.split(b"&"))

    async def _answer_native(self, push: NativePush, adapter: Adapter) -> HttpAnswer:
        """Answer a push of an account and flow that are known, within the account's bounds."""
        limits, account = self._deps.limits, push.account
        if len(push.body) > limits.max_body_bytes:
            return problem(413, f"at most {limits.max_body_bytes} bytes are taken")
        away = self._admission.enter(account, len(push.body), self._deps.timer())
        if away is None:
            try:
                adapted = await self._adapt_in_turn(push, adapter)
                if adapted is not None:
                    return await self._answer_adapted(push, adapter, adapted)
            finally:
                self._admission.leave(account, len(push.body))
            away = TurnedAway("busy", 1.0)
        GATEWAY_TURNED_AWAY.labels(account.id, away.cause).inc()
        return over_limit(platform_answer(adapter.negative), away.wait_s)

    async def _adapt_in_turn(self, push: NativePush, adapter: Adapter) -> AdapterResult | None:
        """Verify *push* and take it apart; None where its turn does not come in half of the time that there is."""
        try:
            async with asyncio.timeout(self._native_timeout_s(adapter) / 2):
                async with self._turns.turn(push.account.id, background=is_background(push.account, push.headers)):
                    return adapt_by_each(push, adapter, self._deps.note_secret)
        except TimeoutError:
            return None

    async def _answer_adapted(self, push: NativePush, adapter: Adapter, adapted: AdapterResult) -> HttpAnswer:
        account = push.account
        if isinstance(adapted, RefusedPush):
            return problem(401, adapted.message)
        if isinstance(adapted, PlatformHandshake):
            return platform_answer(adapted.answer)
        now_s = self._deps.timer()
        self._admission.count_request(account, now_s)
        self._admission.count_events(account, len(adapted.messages), now_s)
        # A GET push says everything in its query; the bytes are what tells one kept reject from another.
        body = push.body or push.query
        events, waited_s = NativeMessages(adapted.messages, body), (self._deps.clock.now_ms() - push.received_ms) / 1000
        timeout_s = self._native_timeout_s(adapter) - max(0.0, waited_s)
        call = partial(self._calls.native, push, adapted.messages, adapter.positive.body)
        try:
            result = await self._deps.ingestor.ingest(
                IngestRequest(account, push.flow, events, len(body), push.received_ms, timeout_s, call=call)
            )
        except (RetryableError, UnavailableError) as error:
            log.warning("native push could not be stored", account=account.id, flow=adapter.flow, cause=str(error))
            return platform_answer(adapter.negative, counts_as=503)
        return replace(platform_answer(adapter.positive), headers=delivery_header(result.delivery_id))

    def _native_timeout_s(self, adapter: Adapter) -> float:
        limits = self._deps.limits
        return limits.fast_publish_timeout_s if adapter.fast else limits.publish_timeout_s


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
    caches: RequestCaches
    turns: FairTurns = field(default_factory=FairTurns)


class RequestIngestor:
    """Gives every event of a request its outcome, safe in Kafka, before it returns.

    Raises `RetryableError` where nothing was stored (budget, no epoch yet), `UnavailableError` likewise (no hash key
    yet), `UnknownStoredError` where part of it may be.
    """

    def __init__(self, deps: IngestDeps) -> None:
        self._deps = deps
        self.turns = deps.turns
        """Of the loop; taking a push apart takes turns in them too."""

    async def ingest(self, request: IngestRequest) -> BatchResult:
        """Validate and publish the events of *request*; return what became of each."""
        deps = self._deps
        validator = self._validator(request, deps.consent, deps.orders)
        deps.publisher.reserve(request.size)
        ingest = _InFlightRequest(deps, request, validator)
        try:
            async with asyncio.timeout(request.timeout_s):
                await ingest.validate_and_publish()
                await ingest.publish_rejects()
                result = ingest.result()
                await ingest.publish_delivery(result)
        except TimeoutError as error:
            raise UnknownStoredError from error
        except UnavailableError as error:
            # Found missing at a later event of many: what came before it is on its way.
            raise (UnknownStoredError(str(error)) if ingest.began else error) from error
        finally:
            ingest.abandon()
        count_outcomes(request, result)
        return result

    def try_out(self, request: IngestRequest) -> BatchResult:
        """Return what *request* would come to now; nothing is stored, claimed or remembered."""
        deps = self._deps
        validator = self._validator(request, DryRunConsent(deps.consent), TriedOrders(deps.orders))
        results = validate_run(validator, request.events, range(len(request.events)))
        accepted = {index: event_id for batch in results.accepted for index, event_id in batch.events()}
        return BatchResult("", accepted, [verdict_of(index, other) for index, other in results.others])

    def _validator(self, request: IngestRequest, consent: ConsentLedger, orders: OrderLedger) -> EventValidator:
        deps, directory = self._deps, self._deps.directory()
        if directory.epoch is None:
            raise RetryableError("the topics are not ready yet; nothing of this request was stored", retry_after_s=2)
        replayed = isinstance(request.events, KeptRejects)
        pseudonyms = PrehashedPseudonyms(deps.pseudonyms) if replayed else deps.pseudonyms
        partitions = directory.epoch.partitions
        given = ValidatorDeps(directory, partitions, deps.duplicates, consent, orders, pseudonyms, deps.caches)
        delivery_id = f"d-{request.received_ms:011x}{os.urandom(6).hex()}"
        window = window_of(request.account, deps.limits, request.received_ms)
        return EventValidator(given, request.account, request.flow, delivery_id=delivery_id, window=window)


def validate_run(validator: EventValidator, events: RequestEvents, indexes: Sequence[int]) -> BatchResults:
    """Return the outcomes of those of a request's *events* that have these *indexes*, in order.

    Raises `UnavailableError` where a hash key is not here yet, or no more consent states can be held.
    """
    match events:
        case BatchElements(elements):
            return FastPath(validator).validate([elements[index] for index in indexes], indexes)
        case NativeMessages(messages, body):
            results = BatchResults()
            for index in indexes:
                message = messages[index]
                if isinstance(message, MappedMessage):
                    results.add(index, validator.validate_mapped(message, index, body))
                else:
                    results.add(index, validator.validate_unmapped(message, index, body))
            return results
        case KeptRejects(rejects, windows):
            results = BatchResults()
            for index in indexes:
                results.add(index, revalidate(validator, rejects[index], windows[index], index))
            return results


class _InFlightRequest:
    """One request under way."""

    def __init__(self, deps: IngestDeps, request: IngestRequest, validator: EventValidator) -> None:
        self._deps = deps
        self._request = request
        self._validator = validator
        self._accepted: dict[int, str] = {}
        self._others: dict[int, Verdict] = {}
        self._acks: set[asyncio.Future[bool]] = set()
        self._rejects: list[bytes] = []
        self._progress = RequestProgress()
        self._held = HeldLines(deps.publisher, deps.duplicates, deps.clock)
        self.began = False
        """Whether anything of it is on its way to the broker."""

    def result(self) -> BatchResult:
        """Return what became of each event."""
        others = [self._others[index] for index in sorted(self._others)]
        return BatchResult(self._validator.delivery_id, self._accepted, others)

    def abandon(self) -> None:
        """Give up what was not published: to be called however the request ends."""
        self._held.abandon()

    async def validate_and_publish(self) -> None:
        """Give every event its outcome; return when what was accepted, and what was caused, is acknowledged."""
        open_indexes: Sequence[int] = range(len(self._request.events))
        for _ in range(MAX_ROUNDS):
            in_flight = await self._run_round(open_indexes)
            self._progress.validated_ms = self._deps.clock.now_ms()
            released = await self._held.release()
            if released is None:
                raise UnknownStoredError
            for batch in released:
                batch.resolve_with(self._add_events(batch.partition, batch.lines))
            await self._acknowledged()
            open_indexes = [index for index, event in in_flight if not await asyncio.shield(event.original)]
            self._others |= {index: verdict_of(index, event) for index, event in in_flight if index not in open_indexes}
            if not open_indexes:
                return
        raise UnknownStoredError

    async def _run_round(self, indexes: Sequence[int]) -> list[tuple[int, InFlightDuplicate]]:
        """Validate and publish the events with these *indexes*; return those whose original is on its way."""
        in_flight: list[tuple[int, InFlightDuplicate]] = []
        request, turns = self._request, self._deps.turns
        run_events = BACKGROUND_RUN_EVENTS if request.background else RUN_EVENTS
        for start in range(0, len(indexes), run_events):
            async with turns.turn(request.account.id, background=request.background):
                # Validated and claimed without a pause in between: the same id of another request finds it in flight.
                results = validate_run(self._validator, request.events, indexes[start : start + run_events])
                self._publish(results)
            for index, other in results.others:
                if isinstance(other, InFlightDuplicate):
                    in_flight.append((index, other))
                    continue
                if isinstance(other, RejectedEvent):
                    self._rejects.append(encode(other.line))
                    self._progress.reject_ids[index] = other.line.reject_id
                self._others[index] = verdict_of(index, other)
        return in_flight

    def _publish(self, results: BatchResults) -> None:
        self.began = self.began or bool(results.effects or results.accepted)
        self._held.publish_effects(results.effects, self._request.received_ms)
        for batch in results.accepted:
            lines = self._request.lines_of(batch)
            free, held = lines.cut(self._free_lines(batch))
            if free.values:
                self._add_events(batch.partition, free)
            if held.values:
                self._held.hold(batch.partition, held)
            self._accepted.update(batch.events())

    def _free_lines(self, batch: PartitionBatch) -> int:
        """Return how many of the lines of *batch* wait for nothing."""
        if self._held.holds(batch.partition):
            return 0
        return len(batch.lines) if batch.held_from is None else batch.held_from

    def _add_events(self, partition: int, lines: LineBatch) -> set[asyncio.Future[bool]]:
        """Publish *lines* and claim their ids; return the acknowledgements of their records."""
        acks: set[asyncio.Future[bool]] = set()
        for taken, ack in self._deps.publisher.add(Topic.EVENTS, partition, lines):
            if not ack.done():
                self._deps.duplicates.claim(lines.account_id, taken.ids, ack)
            acks.add(ack)
        self._acks |= acks
        return acks

    async def _acknowledged(self) -> None:
        for ack in self._acks:
            # Shielded: the record is other requests' too, and its outcome counts though this sender hangs up.
            if not await asyncio.shield(ack):
                raise UnknownStoredError
        self._acks.clear()

    async def publish_rejects(self) -> None:
        """Publish what is kept of this request beside its events."""
        if self._rejects:
            await self._add(Topic.REJECTS, self._rejects)

    async def publish_delivery(self, result: BatchResult) -> None:
        """Publish what is about to be answered."""
        line = delivery_line(self._request, result, self._progress, self._deps.clock.now_ms())
        await self._add(Topic.DELIVERIES, [encode(line)])

    async def _add(self, topic: Topic, values: Sequence[bytes]) -> None:
        lines = LineBatch(self._request.account.id, self._request.received_ms, values)
        self._acks.update(ack for _, ack in self._deps.publisher.add(topic, 0, lines))
        await self._acknowledged()
