"""Replays of kept rejects at the gateway: a push's way into Kafka, by the clock of the first receipt."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from producers.gateway.ingest_request import IngestRequest, KeptRejects, window_of
from producers.gateway.pipeline import RequestIngestor
from producers.gateway.responses import BatchResult
from producers.replay import NotReplayable, ReadableReject, reread_reject
from registry.directory import Directory
from runtime.clock import Clock
from runtime.logging import get_logger
from runtime.settings import GatewaySettings
from schemas.lines import RejectLine
from schemas.outcomes import ReplayedReject

log = get_logger(__name__)

NOT_REPLAYABLE = "not_replayable"
# One delivery's line on the log lists its rejects at about 60 bytes each.
MAX_IN_DELIVERY = 500


@dataclass(frozen=True, slots=True)
class ReplayerDeps:
    """What a replayer needs."""

    limits: GatewaySettings
    directory: Callable[[], Directory]
    ingestor: RequestIngestor
    clock: Clock


class Replayer:
    """Gives kept rejects another chance.

    What is accepted is stamped and published now; whether its time is taken is judged by when it first came. The same
    reject again is a duplicate, like the same event pushed again.
    """

    def __init__(self, deps: ReplayerDeps) -> None:
        self._deps = deps

    async def replay(self, lines: Sequence[RejectLine], *, asked_by: str, dry_run: bool) -> list[ReplayedReject]:
        """Return what became, or with *dry_run* what would become, of each of *lines*, in their order.

        Each account and flow among them is a delivery of its own. Raises what `RequestIngestor.ingest` raises;
        deliveries before the one that failed are published then, and the same lines again do no harm.
        """
        accounts = self._deps.directory().accounts
        items = [reread_reject(line, accounts.get(line.account_id)) for line in lines]
        found = {
            item.line.reject_id: ReplayedReject(
                item.line.reject_id, NOT_REPLAYABLE, item.line.event_id, message=item.why
            )
            for item in items
            if isinstance(item, NotReplayable)
        }
        for rejects in _by_delivery(item for item in items if isinstance(item, ReadableReject)):
            request = self._request(rejects, asked_by)
            ingestor = self._deps.ingestor
            result = ingestor.try_out(request) if dry_run else await ingestor.ingest(request)
            found |= {outcome.reject_id: outcome for outcome in _outcomes(rejects, result)}
            if not dry_run:
                log.info("rejects replayed", account=request.account.id, flow=request.flow, asked_by=asked_by,
                         delivery=result.delivery_id, **result.counts())  # fmt: skip
        return [found[line.reject_id] for line in lines]

    def _request(self, rejects: Sequence[ReadableReject], asked_by: str) -> IngestRequest:
        line = rejects[0].line
        account = self._deps.directory().accounts[line.account_id]
        windows = [window_of(account, self._deps.limits, reject.line.received_ms) for reject in rejects]
        return IngestRequest(
            account=account,
            flow=line.flow,
            events=KeptRejects(rejects, windows, asked_by),
            size=sum(len(reject.line.payload) for reject in rejects),
            received_ms=self._deps.clock.now_ms(),
            timeout_s=self._deps.limits.batch_publish_timeout_s,
        )


def _by_delivery(items: Iterable[ReadableReject]) -> Iterable[Sequence[ReadableReject]]:
    """Yield *items* by account and flow, each in its order."""
    groups: dict[tuple[str, str], list[ReadableReject]] = {}
    for item in items:
        groups.setdefault((item.line.account_id, item.line.flow), []).append(item)
    for group in groups.values():
        for start in range(0, len(group), MAX_IN_DELIVERY):
            yield group[start : start + MAX_IN_DELIVERY]


def _outcomes(rejects: Sequence[ReadableReject], result: BatchResult) -> Iterable[ReplayedReject]:
    for index, event_id in result.accepted_ids.items():
        yield ReplayedReject(rejects[index].line.reject_id, "accepted", event_id, delivery_id=result.delivery_id)
    for other in result.others:
        line = rejects[other.index].line
        yield ReplayedReject(
            line.reject_id,
            other.verdict,
            other.event_id or line.event_id,
            other.reason,
            other.field,
            other.message,
            result.delivery_id,
        )
