"""Replays of kept rejects at the gateway: a push's way into Kafka, judged by the clock of the first receipt."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from producers.gateway.ingest_request import IngestRequest, ReplayOrigin, RequestIngestor, window_of
from producers.gateway.responses import BatchResult
from producers.replay import NotReplayable, ReadableReject, reread_reject, revalidate
from producers.validation.placement import TimeWindow
from producers.validation.results import BatchResults, Validate
from producers.validation.validator import EventValidator
from registry.directory import Directory
from runtime.clock import Clock
from runtime.logging import get_logger
from runtime.settings import GatewaySettings
from schemas.lines import RejectLine

log = get_logger(__name__)

NOT_REPLAYABLE = "not_replayable"
# One delivery's line on the log lists its rejects at about 60 bytes each.
MAX_IN_DELIVERY = 500


class ReplayOutcome(msgspec.Struct, frozen=True):
    """What became of one kept reject."""

    reject_id: str
    outcome: str
    """`accepted`, `duplicate`, `rejected` again, or `not_replayable`."""
    event_id: str = ""
    reason: str = ""
    """Why it was rejected again."""
    field: str = ""
    message: str = ""
    delivery_id: str = ""
    """The delivery that it was replayed in; '' where nothing was published."""


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

    def __init__(self, parts: ReplayerDeps) -> None:
        self._parts = parts

    async def replay(self, lines: Sequence[RejectLine], *, asked_by: str, dry_run: bool) -> list[ReplayOutcome]:
        """Return what became, or with *dry_run* what would become, of each of *lines*, in their order.

        Each account and flow among them is a delivery of its own. Raises what `RequestIngestor.run` raises; deliveries
        before the one that failed are published then, and the same lines again do no harm.
        """
        accounts = self._parts.directory().accounts
        items = [reread_reject(line, accounts.get(line.account_id)) for line in lines]
        found = {
            item.line.reject_id: ReplayOutcome(
                item.line.reject_id, NOT_REPLAYABLE, item.line.event_id, message=item.why
            )
            for item in items
            if isinstance(item, NotReplayable)
        }
        for job_items in _jobs(item for item in items if isinstance(item, ReadableReject)):
            job = self._job(job_items, asked_by)
            receipt = self._parts.ingestor.try_out(job) if dry_run else await self._parts.ingestor.run(job)
            found |= {told.reject_id: told for told in _told(job_items, receipt)}
            if not dry_run:
                log.info("rejects replayed", account=job.account.id, flow=job.flow, asked_by=asked_by,
                         delivery=receipt.delivery_id, **receipt.counts())  # fmt: skip
        return [found[line.reject_id] for line in lines]

    def _job(self, items: Sequence[ReadableReject], asked_by: str) -> IngestRequest:
        line = items[0].line
        account = self._parts.directory().accounts[line.account_id]
        windows = [window_of(account, self._parts.limits, item.line.received_ms) for item in items]
        return IngestRequest(
            account=account,
            flow=line.flow,
            received=len(items),
            judge_with=partial(_judge, items, windows),
            size=sum(len(item.line.payload) for item in items),
            received_ms=self._parts.clock.now_ms(),
            timeout_s=self._parts.limits.batch_publish_timeout_s,
            replay=ReplayOrigin([item.line.reject_id for item in items], asked_by),
        )


def _jobs(items: Iterable[ReadableReject]) -> Iterable[Sequence[ReadableReject]]:
    """Yield *items* by account and flow, each in its order."""
    groups: dict[tuple[str, str], list[ReadableReject]] = {}
    for item in items:
        groups.setdefault((item.line.account_id, item.line.flow), []).append(item)
    for group in groups.values():
        for start in range(0, len(group), MAX_IN_DELIVERY):
            yield group[start : start + MAX_IN_DELIVERY]


def _judge(items: Sequence[ReadableReject], windows: Sequence[TimeWindow], intake: EventValidator) -> Validate:
    def judge(indexes: Sequence[int]) -> BatchResults:
        judged = BatchResults()
        for index in indexes:
            judged.add(index, revalidate(intake, items[index], windows[index], index))
        return judged

    return judge


def _told(items: Sequence[ReadableReject], receipt: BatchResult) -> Iterable[ReplayOutcome]:
    for index, event_id in receipt.accepted_ids.items():
        yield ReplayOutcome(items[index].line.reject_id, "accepted", event_id, delivery_id=receipt.delivery_id)
    for other in receipt.others:
        line = items[other.index].line
        yield ReplayOutcome(
            line.reject_id,
            other.verdict,
            other.event_id or line.event_id,
            other.reason,
            other.field,
            other.message,
            receipt.delivery_id,
        )
