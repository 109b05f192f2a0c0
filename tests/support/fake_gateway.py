"""The gateway's own judgement without HTTP and without Kafka: what is accepted is remembered, nothing is stored."""

import gzip
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import msgspec

from producers.adapters.base import MappedMessage, NativePush, PlatformHandshake, RefusedPush
from producers.adapters.catalogue import adapter_for
from producers.consent.ledger import ConsentLedger
from producers.orders.ledger import OrderLedger
from producers.parsing.body import BodyProblem, split
from producers.validation.dedup_window import DuplicateWindow
from producers.validation.placement import TimeWindow
from producers.validation.pseudonym_cache import PseudonymCache
from producers.validation.validator import (
    AcceptedEvent,
    DuplicateEvent,
    EventValidator,
    RejectedEvent,
    RequestCaches,
    ValidationResult,
    ValidatorDeps,
)
from registry.directory import Directory
from registry.pseudonyms import TwoSteps
from registry.secrets import SecretResolver
from runtime.clock import Clock
from schemas.lines import StoredEvent
from schemas.registry import Account, Registry
from schemas.timing import DAY_MS, MINUTE_MS


class PlainPseudonyms:
    """Hashes that can be read: enough where nothing is stored."""

    def first_step(self, account_id: str, subject: str) -> str:
        return f"{account_id}/{subject}"

    def second_step(self, trial_id: str, first_step: str) -> str:
        return f"{trial_id}/{first_step}"

    def two_steps(self, account_id: str, trial_id: str) -> TwoSteps:
        raise NotImplementedError("of the fast path, which this road does not take")


@dataclass(frozen=True)
class JudgedRequest:
    """A request as it reached the door. Header names are lower-case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass
class JudgingRoad:
    """Answers requests as the gateway would; `batch_keys` are bearer keys by account."""

    registry: Registry
    clock: Clock
    batch_keys: dict[str, str] = field(default_factory=dict)
    judged: list[list[ValidationResult]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._directory = Directory(registry=self.registry)
        self._resolver = SecretResolver({})
        self._duplicates = DuplicateWindow(keep_ms=DAY_MS, max_ids=1_000_000)
        self._consent = ConsentLedger(max_subjects=100_000)
        self._orders = OrderLedger(max_orders=100_000, max_waiting=1000)
        self._memory = RequestCaches(PseudonymCache(keep_ms=DAY_MS, max_texts=1000))

    def answer(self, request: JudgedRequest) -> tuple[int, bytes]:
        """Return status and body; `judged` gets the judgements of a request that was let in."""
        return self._batch(request) if request.path == "/v1/events" else self._native(request)

    def accepted(self) -> list[StoredEvent]:
        """Return what would be stored."""
        decode = msgspec.json.Decoder(StoredEvent).decode
        return [decode(j.line) for request in self.judged for j in request if isinstance(j, AcceptedEvent)]

    def _native(self, request: JudgedRequest) -> tuple[int, bytes]:
        _, _, account_id, flow = request.path.split("/")
        account = self._directory.accounts[account_id]
        adapter = adapter_for(account.platform, flow)
        secrets = self._resolver.secrets_for(account, flow)
        if adapter is None or not secrets:
            return 404, b""
        reading = adapter.adapt(self._push(request, account, flow, secrets))
        if isinstance(reading, RefusedPush):
            return 401, reading.message.encode()
        if isinstance(reading, PlatformHandshake):
            return reading.answer.status, reading.answer.body
        intake = self._intake(account, flow)
        judgements = [
            intake.validate_mapped(message, index, request.body)
            if isinstance(message, MappedMessage)
            else intake.validate_unmapped(message, index, request.body)
            for index, message in enumerate(reading.messages)
        ]
        self._settle(account, judgements)
        return adapter.positive.status, adapter.positive.body

    def _push(self, request: JudgedRequest, account: Account, flow: str, secrets: tuple[bytes, ...]) -> NativePush:
        return NativePush(
            method=request.method,
            path=request.path,
            query=request.query.encode(),
            headers=request.headers,
            body=request.body,
            received_ms=self.clock.now_ms(),
            account=account,
            flow=flow,
            secrets=secrets,
        )

    def _batch(self, request: JudgedRequest) -> tuple[int, bytes]:
        account = self._batch_account(request)
        if account is None:
            return 401, b'{"title":"Unauthorized"}'
        packed = request.headers.get("content-encoding") == "gzip"
        body = gzip.decompress(request.body) if packed else request.body
        elements = split(body, request.headers["content-type"], max_events=10_000)
        if isinstance(elements, BodyProblem):
            return elements.status, elements.detail.encode()
        intake = self._intake(account, "events")
        judgements = [intake.validate_bytes(element, index) for index, element in enumerate(elements)]
        self._settle(account, judgements)
        return 200, _receipt(judgements)

    def _batch_account(self, request: JudgedRequest) -> Account | None:
        """Return whose request it is; signatures are checked by the reference rule alone."""
        from registry.webhook_signing import secret_bytes, standard_signature

        if bearer := request.headers.get("authorization"):
            owner = next((a for a, key in self.batch_keys.items() if bearer == f"Bearer {key}"), "")
            return self._directory.accounts.get(owner)
        account = self._directory.accounts.get(parse_qs(request.query).get("account", [""])[0])
        if account is None:
            return None
        stamp = (request.headers["webhook-id"], request.headers["webhook-timestamp"])
        signed = [
            standard_signature(secret_bytes(secret.decode()), *stamp, request.body)
            for secret in self._resolver.secrets_for(account, "push")
        ]
        return account if request.headers["webhook-signature"] in signed else None

    def _intake(self, account: Account, flow: str) -> EventValidator:
        now_ms = self.clock.now_ms()
        days = account.max_event_age_days or 30
        parts = ValidatorDeps(
            self._directory, 4, self._duplicates, self._consent, self._orders, PlainPseudonyms(), self._memory
        )
        window = TimeWindow(now_ms - days * DAY_MS, now_ms + 5 * MINUTE_MS, now_ms)
        return EventValidator(parts, account, flow, delivery_id="d-test", window=window)

    def _settle(self, account: Account, judgements: list[ValidationResult]) -> None:
        ids = [judged.event_id for judged in judgements if isinstance(judged, AcceptedEvent)]
        self._duplicates.settle(account.id, ids, acknowledged=True, now_ms=self.clock.now_ms())
        self.judged.append(judgements)


def verdict_of(judgement: ValidationResult) -> tuple[str, str]:
    """Return verdict and reason."""
    if isinstance(judgement, RejectedEvent):
        return "rejected", judgement.fault.reason.value
    return ("duplicate" if isinstance(judgement, DuplicateEvent) else "accepted"), ""


def _receipt(judgements: list[ValidationResult]) -> bytes:
    verdicts = [verdict_of(judgement) for judgement in judgements]
    counts = {name: sum(v == name for v, _ in verdicts) for name in ("accepted", "duplicate", "rejected")}
    results = [
        {"index": index, "verdict": verdict, "reason": reason}
        for index, (verdict, reason) in enumerate(verdicts)
        if verdict != "accepted"
    ]
    return msgspec.json.encode({**counts, "delivery_id": "d-test", "results": results})
