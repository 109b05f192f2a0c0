"""A request that was let in: whose it is, its events as they came, and the lines that it leaves on the log."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from producers.adapters.base import PlatformMessage
from producers.gateway.responses import BatchResult, Verdict, rejected
from producers.parsing.body import Element
from producers.publisher import LineBatch
from producers.replay import ReadableReject
from producers.validation.placement import TimeWindow
from producers.validation.redaction import harmless_id
from producers.validation.results import PartitionBatch
from producers.validation.validator import DuplicateEvent, InFlightDuplicate, RejectedEvent
from runtime.errors import RetryableError
from runtime.metrics import GATEWAY_EVENTS, GATEWAY_REPLAYS
from runtime.settings import GatewaySettings
from schemas.lines import OTHERS_LISTED, DeliveryLine
from schemas.registry import Account
from schemas.timing import DAY_MS


class UnknownStoredError(RetryableError):
    """A publish was not acknowledged in time: part of the request may be stored. A retry does no harm."""

    def __init__(self, cause: str = "the broker did not acknowledge in time") -> None:
        super().__init__(
            f"{cause}; part of this request may be stored. Send it again: the same event_id is counted once",
            retry_after_s=2,
        )


@dataclass(frozen=True, slots=True)
class BatchElements:
    """The elements of a batch push."""

    elements: Sequence[Element]

    def __len__(self) -> int:
        """Return how many."""
        return len(self.elements)


@dataclass(frozen=True, slots=True)
class NativeMessages:
    """The messages that a native push was taken apart into."""

    messages: Sequence[PlatformMessage]
    body: bytes
    """What tells one kept reject from another: the bytes that were signed."""

    def __len__(self) -> int:
        """Return how many."""
        return len(self.messages)


@dataclass(frozen=True, slots=True)
class KeptRejects:
    """Rejects of a replay: each is validated by the clock of its first receipt."""

    rejects: Sequence[ReadableReject]
    windows: Sequence[TimeWindow]
    """One a reject."""
    asked_by: str
    """The id of the key that asked for the replay."""

    def __len__(self) -> int:
        """Return how many."""
        return len(self.rejects)


RequestEvents = BatchElements | NativeMessages | KeptRejects


@dataclass(frozen=True, slots=True)
class IngestRequest:
    """A request that was let in: whose, what, and how long its sender waits."""

    account: Account
    flow: str
    events: RequestEvents
    size: int
    """Bytes of the body."""
    received_ms: int
    timeout_s: float
    background: bool = False
    """Whether it stands behind live traffic (`FairTurns`), and its records behind live ones."""
    call: Callable[[], str] = str
    """Gives the request as it may be kept, '' where it is in no sample; asked once its events are safe."""

    def lines_of(self, batch: PartitionBatch) -> LineBatch:
        """Return the lines of *batch*, which are this request's, as they are published."""
        return LineBatch(self.account.id, self.received_ms, batch.lines, batch.ids, self.background)


def window_of(account: Account, limits: GatewaySettings, now_ms: int) -> TimeWindow:
    """Return the times that are taken of *account* at *now_ms*."""
    days = account.max_event_age_days or limits.max_event_age_days
    return TimeWindow(
        oldest_ms=now_ms - days * DAY_MS, newest_ms=now_ms + int(limits.max_ahead_s * 1000), now_ms=now_ms
    )


@dataclass(slots=True)
class RequestProgress:
    """What is told of a request beside its counts."""

    validated_ms: int = 0
    reject_ids: dict[int, str] = field(default_factory=dict)
    """Of the events that were rejected, by index."""


def delivery_line(
    request: IngestRequest, result: BatchResult, progress: RequestProgress, answered_ms: int
) -> DeliveryLine:
    """Return what the log says of *request*, which is about to be answered with *result*."""
    counts = result.counts()
    line = DeliveryLine(
        delivery_id=result.delivery_id,
        account_id=request.account.id,
        platform=request.account.platform,
        flow=request.flow,
        status=200,
        received=result.received,
        accepted=counts["accepted"],
        duplicate=counts["duplicate"],
        rejected=counts["rejected"],
        reasons=result.reasons(),
        body_bytes=request.size,
        received_ms=request.received_ms,
        answered_ms=answered_ms,
        validated_ms=progress.validated_ms,
        others=[_other(verdict, progress) for verdict in result.others[:OTHERS_LISTED]],
        call=request.call(),
    )
    return _as_replay(line, request.events, result) if isinstance(request.events, KeptRejects) else line


def _other(verdict: Verdict, progress: RequestProgress) -> tuple[int, str, str, str, str]:
    # What was sent as an id may be anything: only one that may be kept is named.
    event_id = verdict.event_id if verdict.verdict == "duplicate" else harmless_id(verdict.event_id)
    return verdict.index, verdict.verdict, event_id, verdict.reason, progress.reject_ids.get(verdict.index, "")


def _as_replay(line: DeliveryLine, events: KeptRejects, result: BatchResult) -> DeliveryLine:
    verdicts = [(index, "accepted", "") for index in result.accepted_ids]
    verdicts += [(other.index, other.verdict, other.reason) for other in result.others]
    by_reject = [(events.rejects[index].line.reject_id, verdict, reason) for index, verdict, reason in sorted(verdicts)]
    return msgspec.structs.replace(line, replay=True, replays=by_reject, asked_by=events.asked_by)


def count_outcomes(request: IngestRequest, result: BatchResult) -> None:
    """Count what became of the events of *request*."""
    account = request.account
    if isinstance(request.events, KeptRejects):
        # Counted as rejected when they came first; shares of rejects are of what partners send.
        for verdict, count in result.counts().items():
            GATEWAY_REPLAYS.labels(account.id, verdict).inc(count)
        return
    counts = Counter((verdict.verdict, verdict.reason) for verdict in result.others)
    counts["accepted", ""] += len(result.accepted_ids)
    for (outcome, reason), count in counts.items():
        GATEWAY_EVENTS.labels(account.id, account.platform, outcome, reason).inc(count)


def verdict_of(index: int, other: DuplicateEvent | InFlightDuplicate | RejectedEvent) -> Verdict:
    """Return the sender's verdict of an event that was not accepted; one in flight, as if its original made it."""
    if isinstance(other, RejectedEvent):
        fault = other.fault
        return rejected(index, fault.event_id, fault.reason, fault.field, fault.message)
    return Verdict(index, other.event_id, "duplicate")
