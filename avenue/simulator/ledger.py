"""What was sent and what was answered: one line per event, and the sums of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self

import msgspec

from avenue.sending.retry import FinalReply
from avenue.simulator.messages.base import ExpectedEvent, PushMessage
from avenue.simulator.messages.sessions import rfc3339
from runtime.errors import ConfigurationError
from schemas.outcomes import Verdict

Answered = Verdict | Literal["positive", "negative", "refused", "unanswered"]
"""What came back. A native push is answered as a whole: `positive` says only that the platform need not come again."""

SAMPLES = 20
_ENCODE = msgspec.json.Encoder().encode
# What each expectation may be answered with. `accepted` and `duplicate` stand for each other where a request was
# tried more than once, the seed was used before, or a gateway that restarted has forgotten the first: the event is in.
_FITTING: Mapping[str, frozenset[str]] = {
    "accepted": frozenset({"accepted", "duplicate", "positive"}),
    "duplicate": frozenset({"accepted", "duplicate", "positive"}),
    "rejected": frozenset({"rejected", "positive"}),
    "refused": frozenset({"refused"}),
}


class LedgerLine(msgspec.Struct, frozen=True, kw_only=True):
    """One event sent. `event_id` is null where only the server knows it, `occurred_at` where the receipt decides.

    `event` is the event where a batch held it, as text where it is spoilt: enough to count everything anew.
    """

    event_id: str | None
    account: str
    platform: str
    flow: str
    kind: str | None
    occurred_at: str | None
    sent_at: str | None
    attempt: int
    expected: str
    expected_reason: str | None
    fault: str | None
    verdict: Answered
    reason: str | None
    status: int
    as_expected: bool
    delivery_id: str | None = None
    event: msgspec.Raw | str | None = None


class _EventResult(msgspec.Struct):
    """One result of a batch answer."""

    index: int
    verdict: Verdict
    reason: str | None = None


class _BatchAnswer(msgspec.Struct):
    """The answer to a batch push."""

    accepted: int
    duplicate: int
    rejected: int
    results: list[_EventResult] = []
    delivery_id: str | None = None


_DECODE = msgspec.json.Decoder(_BatchAnswer).decode


@dataclass(slots=True)
class SimulationSummary:
    """A run in numbers."""

    seed: int
    events: int = 0
    requests: int = 0
    retries: int = 0
    seconds: float = 0.0
    stopped: bool = False
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    """By `platform/flow`, verdicts."""
    faults: Counter[str] = field(default_factory=Counter)
    """What was wrong on purpose."""
    reasons: Counter[str] = field(default_factory=Counter)
    unexpected: int = 0
    unanswered: int = 0
    samples: list[dict[str, Any]] = field(default_factory=list)
    """The first events whose answer was not as expected."""
    skipped: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Tell whether every event was answered, and as it should be."""
        return self.unexpected == 0 and self.unanswered == 0

    @property
    def totals(self) -> Counter[str]:
        """Verdicts over all flows."""
        return sum(self.outcomes.values(), Counter())

    def as_json(self) -> dict[str, Any]:
        """Return the numbers as a JSON object."""
        return {
            "ok": self.ok,
            "seed": self.seed,
            "events": self.events,
            "requests": self.requests,
            "retries": self.retries,
            "seconds": round(self.seconds, 3),
            "stopped": self.stopped,
            "totals": dict(sorted(self.totals.items())),
            "outcomes": {name: dict(sorted(counts.items())) for name, counts in sorted(self.outcomes.items())},
            "faults": dict(sorted(self.faults.items())),
            "reasons": dict(sorted(self.reasons.items())),
            "unexpected": self.unexpected,
            "unanswered": self.unanswered,
            "samples": self.samples,
            "skipped": list(self.skipped),
        }


class SimulationLedger:
    """Writes the lines (where there is a file) and keeps the sums; use as a context."""

    def __init__(self, path: Path | None, summary: SimulationSummary) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self.summary = summary

    def __enter__(self) -> Self:
        if self._path is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("wb")
            except OSError as error:
                raise ConfigurationError(f"the ledger {self._path} cannot be written: {error.strerror}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def enter(self, message: PushMessage, reply: FinalReply) -> None:
        """Write down what became of each event of *message*."""
        request = message.request
        verdicts, delivery_id = verdicts_of(message, reply)
        sent_at = rfc3339(reply.sent_ms) if reply.sent_ms else None
        lines = [
            LedgerLine(
                event_id=sent.event_id or None,
                account=request.account,
                platform=request.platform,
                flow=request.flow,
                kind=sent.kind or None,
                occurred_at=None if sent.occurred_ms is None else rfc3339(sent.occurred_ms),
                sent_at=sent_at,
                attempt=reply.attempts,
                expected=sent.expected,
                expected_reason=sent.reason,
                fault=sent.fault or None,
                verdict=verdict,
                reason=reason,
                status=reply.status,
                as_expected=is_as_expected(sent, verdict, reason),
                delivery_id=delivery_id,
                event=_event(sent),
            )
            for sent, (verdict, reason) in zip(message.events, verdicts, strict=True)
        ]
        self._count(f"{request.platform}/{request.flow}", lines, reply)
        if self._file is not None:
            # Whole lines and at once: a ledger that ends in a kill is still readable to its last line.
            self._file.write(b"".join([_ENCODE(line) + b"\n" for line in lines]))
            self._file.flush()

    def _count(self, name: str, lines: Sequence[LedgerLine], reply: FinalReply) -> None:
        summary = self.summary
        summary.events += len(lines)
        summary.requests += 1
        summary.retries += max(0, reply.attempts - 1)
        summary.outcomes.setdefault(name, Counter()).update(line.verdict for line in lines)
        summary.faults.update(line.fault for line in lines if line.fault)
        summary.reasons.update(line.reason for line in lines if line.reason)
        for line in lines:
            if line.as_expected:
                continue
            if line.verdict == "unanswered":
                summary.unanswered += 1
            else:
                summary.unexpected += 1
            if len(summary.samples) < SAMPLES:
                sample = msgspec.to_builtins(msgspec.structs.replace(line, event=None))
                summary.samples.append(sample | {"error": reply.error or _detail(reply)})


def _event(sent: ExpectedEvent) -> msgspec.Raw | str | None:
    if not sent.event:
        return None
    return sent.event.decode("utf-8", "replace") if sent.expected == "rejected" else msgspec.Raw(sent.event)


def is_as_expected(sent: ExpectedEvent, verdict: Answered, reason: str | None) -> bool:
    """Tell whether an event was answered as it must be; a reject also by its reason."""
    if verdict not in _FITTING[sent.expected]:
        return False
    return verdict != "rejected" or sent.reason is None or sent.reason == reason


def verdicts_of(message: PushMessage, reply: FinalReply) -> tuple[list[tuple[Answered, str | None]], str | None]:
    """Return the verdict and reason of each event of *message*, and the delivery's id where the answer names it."""
    size, request = len(message.events), message.request
    if reply.status == 0:
        return [("unanswered", reply.error or None)] * size, None
    if request.flow == "events":
        return _batch_verdicts(size, reply)
    if request.positive(reply.status, reply.body):
        return [("positive", None)] * size, None
    return [_whole(reply)] * size, None


def _whole(reply: FinalReply) -> tuple[Answered, str | None]:
    verdict: Answered = "refused" if reply.status in {401, 403} else "negative"
    return verdict, f"http {reply.status}"


def _batch_verdicts(size: int, reply: FinalReply) -> tuple[list[tuple[Answered, str | None]], str | None]:
    if reply.status != 200:
        return [_whole(reply)] * size, None
    try:
        answer = _DECODE(reply.body)
    except msgspec.DecodeError as error:
        return [("negative", f"unreadable answer: {error}")] * size, None
    verdicts: list[tuple[Answered, str | None]] = [("accepted", None)] * size
    for item in answer.results:
        if 0 <= item.index < size:
            verdicts[item.index] = (item.verdict, item.reason)
    counted: Counter[str] = Counter(verdict for verdict, _ in verdicts)
    sample = {"accepted": answer.accepted, "duplicate": answer.duplicate, "rejected": answer.rejected}
    if any(counted[name] != number for name, number in sample.items()):
        return [("negative", "the answer's counts are not those of its results")] * size, answer.delivery_id
    return verdicts, answer.delivery_id


def _detail(reply: FinalReply) -> str:
    """Return the start of an answer that was not what it should be."""
    return reply.body[:300].decode("utf-8", "replace") if reply.status != 200 else ""
