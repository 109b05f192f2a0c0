"""Who pushes, may they, and which way does their push go. Knows HTTP's words, but no framework."""

import asyncio
import functools
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

from producers.adapters import standard_webhooks
from producers.adapters.base import (
    Adapter,
    MappedMessage,
    NativePush,
    PlatformAnswer,
    PlatformHandshake,
    PlatformMessage,
    RefusedPush,
)
from producers.adapters.catalogue import adapter_for
from producers.gateway.ingest_request import IngestRequest, RequestIngestor, UnknownStoredError
from producers.gateway.limits import IdempotencyKeys, RateLimit
from producers.gateway.responses import HttpAnswer, problem, retry_after
from producers.parsing.body import BodyProblem, Element, split, unpack
from producers.validation.fast_path import FastPath
from producers.validation.results import BatchResults, Validate
from producers.validation.validator import BATCH_FLOW, EventValidator
from registry.directory import Directory
from runtime.clock import Clock
from runtime.errors import RetryableError, UnavailableError
from runtime.logging import get_logger
from runtime.metrics import GATEWAY_REQUEST_SECONDS, GATEWAY_REQUESTS
from runtime.settings import GatewaySettings
from schemas.registry import Account

log = get_logger(__name__)

MAX_IDEMPOTENCY_KEY_CHARS = 255
SecretsFor = Callable[[Account, str], tuple[bytes, ...]]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """An HTTP request as it came. Header names are lower-case."""

    method: str
    path: str
    query: bytes
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class HandlerDeps:
    """What the handler needs."""

    limits: GatewaySettings
    directory: Callable[[], Directory]
    secrets_for: SecretsFor
    ingestor: RequestIngestor
    clock: Clock


class PushHandler:
    """Answers batch and native pushes. Total: every request gets an answer, and one line in the request metrics."""

    def __init__(self, parts: HandlerDeps) -> None:
        self._parts = parts
        self._rates = RateLimit(parts.limits.requests_per_s)
        self._keys = IdempotencyKeys(
            max_keys=parts.limits.idempotency_keys, keep_s=parts.limits.idempotency_minutes * 60
        )

    async def push_batch(self, request: HttpRequest) -> HttpAnswer:
        """Answer `POST /v1/events`."""
        started = time.perf_counter()
        account = self._authenticate(request)
        if isinstance(account, HttpAnswer):
            answer, name = account, "-"
        else:
            answer, name = await self._batch(request, account), account.id
        GATEWAY_REQUESTS.labels(name, BATCH_FLOW, answer.status).inc()
        GATEWAY_REQUEST_SECONDS.labels(BATCH_FLOW).observe(time.perf_counter() - started)
        return answer

    async def push_native(self, account_id: str, flow: str, request: HttpRequest) -> HttpAnswer:
        """Answer `/in/{account}/{flow}` in the platform's own words."""
        started = time.perf_counter()
        account = self._parts.directory().accounts.get(account_id)
        adapter = adapter_for(account.platform, flow) if account is not None else None
        secrets = self._parts.secrets_for(account, flow) if account is not None and adapter is not None else ()
        if account is None or adapter is None or not secrets:
            GATEWAY_REQUESTS.labels("-", "-", 404).inc()
            return problem(404, "no such account or flow; the address is /in/{account}/{flow}")
        answer = await self._native(request, account, adapter, flow, secrets)
        GATEWAY_REQUESTS.labels(account.id, adapter.flow, answer.counts_as or answer.status).inc()
        GATEWAY_REQUEST_SECONDS.labels(adapter.flow).observe(time.perf_counter() - started)
        return answer

    # --- batch push

    def _authenticate(self, request: HttpRequest) -> Account | HttpAnswer:
        directory, now_ms = self._parts.directory(), self._parts.clock.now_ms()
        authorization = request.headers.get("authorization", "")
        if authorization:
            scheme, _, presented = authorization.partition(" ")
            key = directory.key_of(presented.strip(), now_ms=now_ms) if scheme.lower() == "bearer" else None
            if key is None:
                return problem(401, "the key is unknown, expired or revoked; send `Authorization: Bearer <key>`")
            scope_type, _, account_id = key.scope.partition(":")
            account = directory.accounts.get(account_id) if scope_type == "account" else None
            if account is None:
                return problem(403, "this key may not push events; a key of scope account:ID may")
            return account
        if "webhook-signature" in request.headers:
            return self._authenticate_signed(request, directory, now_ms)
        return problem(401, "send `Authorization: Bearer <key>`, or Standard Webhooks headers with ?account=ID")

    def _authenticate_signed(self, request: HttpRequest, directory: Directory, now_ms: int) -> Account | HttpAnswer:
        names = parse_qs(request.query.decode("latin-1")).get("account", [])
        account = directory.accounts.get(names[0]) if len(names) == 1 else None
        secrets = self._parts.secrets_for(account, "push") if account is not None else ()
        # An unknown account is told nothing that a wrong signature would not be told.
        checked = standard_webhooks.verify(request.headers, request.body, secrets, now_ms)
        if isinstance(checked, RefusedPush) or account is None:
            detail = checked.message if isinstance(checked, RefusedPush) else "the signature does not match"
            return problem(401, f"{detail}; sign with the account's push secret and name it with ?account=ID")
        return account

    async def _batch(self, request: HttpRequest, account: Account) -> HttpAnswer:
        now_s = time.monotonic()
        if (wait_s := self._rates.wait_s(account.id, now_s)) > 0:
            return problem(429, "too many requests a second for this account", retry_after_s=wait_s)
        key = request.headers.get("idempotency-key", "")
        if not key:
            return await self._take_batch(request, account)
        if len(key) > MAX_IDEMPOTENCY_KEY_CHARS:
            return problem(400, f"Idempotency-Key has at most {MAX_IDEMPOTENCY_KEY_CHARS} characters")
        digest = hashlib.sha256(request.query + b"\0" + request.body).digest()
        while (kept := self._keys.find(account.id, key, now_s)) is not None:
            if kept.digest != digest:
                return problem(409, "this Idempotency-Key came with another body before; use a new key for a new body")
            if (first := await asyncio.shield(kept.answer)) is not None:
                return first
        self._keys.begin(account.id, key, digest, now_s)
        answer: HttpAnswer | None = None
        try:
            answer = await self._take_batch(request, account)
        finally:
            self._keys.end(account.id, key, answer if answer is not None and answer.status == 200 else None)
        return answer

    async def _take_batch(self, request: HttpRequest, account: Account) -> HttpAnswer:
        limits, received_ms = self._parts.limits, self._parts.clock.now_ms()
        body = unpack(request.body, request.headers.get("content-encoding", ""), max_bytes=limits.max_body_bytes)
        if isinstance(body, BodyProblem):
            return problem(body.status, body.detail)
        elements = split(body, request.headers.get("content-type", ""), max_events=limits.max_events)
        if isinstance(elements, BodyProblem):
            return problem(elements.status, elements.detail)
        job = IngestRequest(
            account=account,
            flow=BATCH_FLOW,
            received=len(elements),
            judge_with=functools.partial(_batch_judge, elements),
            size=len(body),
            received_ms=received_ms,
            timeout_s=limits.batch_publish_timeout_s,
        )
        try:
            receipt = await self._parts.ingestor.run(job)
        except UnknownStoredError as error:
            return problem(503, str(error), retry_after_s=error.retry_after_s, stored="unknown")
        except RetryableError as error:
            return problem(503, str(error), retry_after_s=error.retry_after_s, stored="nothing")
        except UnavailableError as error:
            return problem(503, str(error), retry_after_s=5, stored="nothing")
        return receipt.answer(every=b"results=all" in request.query.split(b"&"))

    # --- native push

    async def _native(
        self, request: HttpRequest, account: Account, adapter: Adapter, flow: str, secrets: tuple[bytes, ...]
    ) -> HttpAnswer:
        if len(request.body) > self._parts.limits.max_body_bytes:
            return problem(413, f"at most {self._parts.limits.max_body_bytes} bytes are taken")
        received_ms = self._parts.clock.now_ms()
        push = NativePush(
            method=request.method,
            path=request.path,
            query=request.query,
            headers=request.headers,
            body=request.body,
            received_ms=received_ms,
            account=account,
            flow=flow,
            secrets=secrets,
        )
        reading = adapter.read(push)
        if isinstance(reading, RefusedPush):
            return problem(401, reading.message)
        if isinstance(reading, PlatformHandshake):
            return _answer(reading.answer)
        if (wait_s := self._rates.wait_s(account.id, time.monotonic())) > 0:
            return _over_limit(adapter.negative, wait_s)
        limits = self._parts.limits
        # A GET push says everything in its query; the bytes are what tells one kept reject from another.
        said = request.body or request.query
        job = IngestRequest(
            account=account,
            flow=flow,
            received=len(reading.messages),
            judge_with=functools.partial(_native_judge, reading.messages, said),
            size=len(said),
            received_ms=received_ms,
            timeout_s=limits.fast_publish_timeout_s if adapter.fast else limits.publish_timeout_s,
        )
        try:
            await self._parts.ingestor.run(job)
        except (RetryableError, UnavailableError) as error:
            log.warning("native push could not be stored", account=account.id, flow=adapter.flow, cause=str(error))
            return _answer(adapter.negative, counts_as=503)
        return _answer(adapter.positive)


def _answer(answer: PlatformAnswer, *, counts_as: int = 0) -> HttpAnswer:
    return HttpAnswer(answer.status, answer.body, answer.content_type, counts_as=counts_as)


def _over_limit(negative: PlatformAnswer, wait_s: float) -> HttpAnswer:
    """Return the platform's negative answer as a 429, so that it waits; as a 200 where it reads the body only."""
    status = 200 if negative.status == 200 else 429
    headers = retry_after(wait_s)
    return HttpAnswer(status, negative.body, negative.content_type, headers, counts_as=429)


def _batch_judge(elements: Sequence[Element], intake: EventValidator) -> Validate:
    way = FastPath(intake)
    return lambda indexes: way.validate([elements[index] for index in indexes], indexes)


def _native_judge(messages: Sequence[PlatformMessage], body: bytes, intake: EventValidator) -> Validate:
    def judge(indexes: Sequence[int]) -> BatchResults:
        judged = BatchResults()
        for index in indexes:
            message = messages[index]
            if isinstance(message, MappedMessage):
                judged.add(index, intake.validate_mapped(message, index, body))
            else:
                judged.add(index, intake.validate_unmapped(message, index, body))
        return judged

    return judge
