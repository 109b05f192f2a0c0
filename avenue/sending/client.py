"""Sends batches in order, each until it has its answer."""

import gzip
import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec

from avenue.sending.lines import RequestBatch
from avenue.sending.retry import FinalReply, RetryPolicy, WireRequest, send_with_retries
from registry.webhook_signing import standard_headers
from runtime.clock import Clock, SystemClock
from runtime.errors import ConfigurationError
from schemas.outcomes import Verdict

PATH = "/v1/events"
NDJSON = "application/x-ndjson"
# Answers that say the request is wrong whatever is in it: the next one would get the same.
_MISUSE = frozenset({401, 403, 404, 405, 415})
_TOO_LARGE = 413


class EventResult(msgspec.Struct, frozen=True):
    """One result of an answer."""

    index: int
    verdict: Verdict
    event_id: str | None = None
    reason: str | None = None
    field: str | None = None
    message: str | None = None
    help: str | None = None


class _BatchAnswer(msgspec.Struct):
    accepted: int
    duplicate: int
    rejected: int
    results: list[EventResult] = []


class _ProblemBody(msgspec.Struct):
    """RFC 9457."""

    title: str = ""
    detail: str = ""


BACKGROUND_PRIORITY = "u=7"
_DECODE_ANSWER = msgspec.json.Decoder(_BatchAnswer).decode
_DECODE_PROBLEM = msgspec.json.Decoder(_ProblemBody).decode


@dataclass(frozen=True, slots=True)
class SendOptions:
    """Where to and as whom: a key, or an account with the secret it signs with."""

    url: str
    key: str = field(default="", repr=False)
    account: str = ""
    secret: bytes = field(default=b"", repr=False)
    compress: bool = True
    background: bool = False
    """Whether the server takes it behind what others push (`Priority: u=7`, RFC 9218)."""
    give_up_s: float = 120.0
    clock: Clock = field(default_factory=SystemClock, repr=False)


@dataclass(frozen=True, slots=True)
class FailedBatch:
    """A batch that has no verdicts: lines *first* to *last* of the file."""

    first: int
    last: int
    events: int
    status: int
    message: str


@dataclass(slots=True)
class SendResult:
    """What became of a file."""

    counts: Counter[str] = field(default_factory=Counter)
    """accepted, duplicate, rejected, and `unsent` for events without a verdict."""
    requests: int = 0
    retries: int = 0
    stopped_after: int | None = None
    """The last line that was tried, where the rest was not."""
    misuse: str = ""
    """Why the server takes nothing from this client; '' where it does."""

    @property
    def exit_code(self) -> int:
        """Return 0 where everything is in, 1 where something is not, 2 where the client was used wrongly."""
        if self.misuse:
            return 2
        return 1 if self.counts["rejected"] or self.counts["unsent"] else 0

    def as_json(self) -> dict[str, Any]:
        """Return the sums as a JSON object."""
        counts = {name: self.counts[name] for name in ("accepted", "duplicate", "rejected", "unsent")}
        return {
            **counts,
            "requests": self.requests,
            "retries": self.retries,
            "stopped_after_line": self.stopped_after,
            "misuse": self.misuse or None,
        }


@dataclass(frozen=True, slots=True)
class SendCallbacks:
    """Where news goes while a file is sent."""

    not_accepted: Callable[[int, EventResult], None]
    """The line's number and its result."""
    failed: Callable[[FailedBatch], None]
    done: Callable[[RequestBatch, dict[str, int]], None]
    """A batch has its verdicts: how many of each."""
    progress: Callable[[RequestBatch], None]


async def send(batches: Iterable[RequestBatch], options: SendOptions, callbacks: SendCallbacks) -> SendResult:
    """Send *batches* one after the other and return the sums.

    Ends at the first answer that any request would get (a wrong key, a wrong address), and at the first batch that
    got no answer in time: what was sent until then is in, and sending the file again is harmless.
    """
    result = SendResult()
    try:
        client = httpx.AsyncClient(base_url=options.url, timeout=30.0, trust_env=False)
    except httpx.InvalidURL as error:
        raise ConfigurationError(f"--url {options.url}: {error}") from error
    async with client:
        for batch in batches:
            if not await _send_one(client, batch, options, (result, callbacks)):
                result.stopped_after = batch.lines[-1].number
                break
    return result


async def _send_one(
    client: httpx.AsyncClient, batch: RequestBatch, options: SendOptions, out: tuple[SendResult, SendCallbacks]
) -> bool:
    """Send one batch, in halves where it is too large; tell whether to go on."""
    result, callbacks = out
    reply = await send_with_retries(client, _maker(batch, options), RetryPolicy(options.give_up_s))
    result.requests += 1
    result.retries += reply.attempts - 1
    if reply.status == _TOO_LARGE and len(batch.lines) > 1:
        for half in batch.halves():
            if not await _send_one(client, half, options, out):
                return False
        return True
    callbacks.progress(batch)
    if reply.status == 200 and (answer := _answer(reply.body)) is not None:
        _note(batch, answer, result, callbacks)
        return True
    message = _problem(reply)
    result.counts["unsent"] += len(batch.lines)
    callbacks.failed(
        FailedBatch(batch.lines[0].number, batch.lines[-1].number, len(batch.lines), reply.status, message)
    )
    if reply.status in _MISUSE:
        result.misuse = message
    # One request that the server cannot read or hold (400, 413) says nothing about the next.
    return reply.status in {400, _TOO_LARGE}


def _note(batch: RequestBatch, answer: _BatchAnswer, result: SendResult, callbacks: SendCallbacks) -> None:
    sums = {"accepted": answer.accepted, "duplicate": answer.duplicate, "rejected": answer.rejected}
    result.counts.update(sums)
    for item in answer.results:
        if item.verdict != "accepted" and 0 <= item.index < len(batch.lines):
            callbacks.not_accepted(batch.lines[item.index].number, item)
    callbacks.done(batch, sums)


def _maker(batch: RequestBatch, options: SendOptions) -> Callable[[], WireRequest]:
    plain = batch.body
    body = gzip.compress(plain, compresslevel=6, mtime=0) if options.compress else plain
    headers = {"content-type": NDJSON, "accept": "application/json"}
    if options.compress:
        headers["content-encoding"] = "gzip"
    if options.background:
        headers["priority"] = BACKGROUND_PRIORITY
    message_id = f"msg_{secrets.token_hex(12)}"
    if options.key:
        # A retry that crosses the answer gets that answer again; the same file sent anew is duplicates.
        headers |= {"authorization": f"Bearer {options.key}", "idempotency-key": message_id}
        return lambda: WireRequest("POST", PATH, headers, body)
    url = str(httpx.URL(PATH, params={"account": options.account}))

    def signed() -> WireRequest:
        stamp = standard_headers(options.secret, message_id, options.clock.now_ms(), body)
        return WireRequest("POST", url, {**headers, **stamp}, body)

    return signed


def _answer(body: bytes) -> _BatchAnswer | None:
    try:
        return _DECODE_ANSWER(body)
    except msgspec.DecodeError:
        return None


def _problem(reply: FinalReply) -> str:
    """Return in a sentence why a whole request was not taken."""
    if reply.status == 0:
        return f"no answer: {reply.error}"
    if reply.status == 200:
        return "the answer is not one of this server's: check --url"
    try:
        problem = _DECODE_PROBLEM(reply.body)
    except msgspec.DecodeError:
        problem = _ProblemBody()
    detail = ": ".join(part for part in (problem.title, problem.detail) if part)
    return f"{reply.status} {detail}".strip()
