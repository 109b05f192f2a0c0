"""New counts as they land: server-sent events, one look at the store a second for each trial, however many watch."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import msgspec

from reports.api.responses import live_json
from reports.queries.context import QueryContext
from reports.queries.freshness import freshness
from reports.queries.live import live_counts
from reports.service import ReadService, TooBusyError
from runtime.errors import PipelineError

KEEPALIVE_S = 15.0
"""A comment this often: proxies close a connection that says nothing."""


@dataclass
class LiveCountsFeed:
    """The latest counts of each trial that someone watches, looked up by one of the watchers for all.

    Of another *event* it tells what *look* says of another thing that is watched, as JSON with `freshness`.
    """

    service: ReadService
    look: Callable[[QueryContext, str], bytes] | None = None
    event: str = "counts"
    watchers: int = 0
    _latest: dict[str, tuple[float, bytes]] = field(default_factory=dict)
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def counts(self, trial_id: str) -> bytes:
        """Return the trial's counts as JSON, at most `live_every_s` old."""
        async with self._locks.setdefault(trial_id, asyncio.Lock()):
            looked_at, found = self._latest.get(trial_id, (0.0, b""))
            if not found or time.monotonic() - looked_at >= self.service.settings.report.live_every_s:
                found = await self.service.run_query(lambda context: (self.look or counts)(context, trial_id))
                self._latest[trial_id] = (time.monotonic(), found)
            return found

    def admit(self) -> None:
        """Raise `TooBusyError` where too many watch already."""
        if self.watchers >= self.service.settings.report.live_viewers:
            raise TooBusyError("too many watch")

    async def events(self, trial_id: str, still_reader: Callable[[], bool]) -> AsyncIterator[bytes]:
        """Give server-sent events: the counts at once, then whenever they change, until *still_reader* says no."""
        self.watchers += 1
        try:
            async for part in self._parts(trial_id, still_reader):
                yield part
        finally:
            self.watchers -= 1

    async def _parts(self, trial_id: str, still_reader: Callable[[], bool]) -> AsyncIterator[bytes]:
        sent, sent_at = b"", time.monotonic()
        while still_reader():
            found = await self._counts_or_nothing(trial_id)
            if found and _without_freshness(found) != sent:
                sent, sent_at = _without_freshness(found), time.monotonic()
                yield b"event: %b\ndata: %b\n\n" % (self.event.encode(), found)
            elif time.monotonic() - sent_at >= KEEPALIVE_S:
                sent_at = time.monotonic()
                yield b": still here\n\n"
            await asyncio.sleep(self.service.settings.report.live_every_s)

    async def _counts_or_nothing(self, trial_id: str) -> bytes:
        try:
            return await self.counts(trial_id)
        except PipelineError:
            # Too busy just now: the next look is a second away.
            return b""


def counts(context: QueryContext, trial_id: str) -> bytes:
    """Return the trial's last minutes as JSON."""
    found = live_counts(context, trial_id)
    return msgspec.json.encode(live_json(trial_id, found, freshness(context, trial_id, found.interval)))


def _without_freshness(found: bytes) -> bytes:
    """Return what makes counts new: all but how long ago they were complete, which changes by itself."""
    tree = msgspec.json.decode(found)
    tree.pop("freshness")
    return msgspec.json.encode(tree)
