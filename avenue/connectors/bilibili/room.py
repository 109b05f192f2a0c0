"""A live room, listened to for as long as it takes: sessions one after the other, each with two links.

Two links of one session hear the same; while one is made anew, the other goes on, so that a connection that drops
leaves no hole. Whatever is heard is in the spool before anything else happens to it.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import TypeVar

import aiohttp
import msgspec
from cachetools import LRUCache
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from avenue.connectors.bilibili.calls import PlatformCalls, SessionOverError, StartedSession
from avenue.connectors.bilibili.link import HEARTBEAT_S, LinkRefusedError, listen
from avenue.connectors.coverage import REMEMBER_EVERY_MS, Coverage
from avenue.connectors.spool import Hole, Spool
from runtime.clock import Clock
from runtime.errors import ConfigurationError, PipelineError
from runtime.logging import get_logger

log = get_logger(__name__)
T = TypeVar("T")

INTERACTION_END = "LIVE_OPEN_PLATFORM_INTERACTION_END"
GAME_ID = "game_id"
LAST_HEARD = "last_heard_ms"
MAX_RECENT = 50_000
"""Messages remembered as heard, so that the second link's copy is not posted again: minutes of the busiest room."""
MAX_PAUSE_S = 30.0
"""Between two tries to start a session, or to open a link."""


HANDOVER_S = 10.0
"""For which the links of a session that is over are kept while those of the next are made."""


class _MessageData(msgspec.Struct):
    msg_id: str | None = None
    game_id: str | None = None


class _Message(msgspec.Struct):
    cmd: str = ""
    data: _MessageData | None = None


_decode_message = msgspec.json.Decoder(_Message).decode


@dataclass(frozen=True, slots=True)
class RoomOptions:
    """How a room is listened to."""

    links: int = 2
    heartbeat_s: float = HEARTBEAT_S
    first_pause_s: float = 0.2


@dataclass(slots=True)
class _Attended:
    """A session that is listened to."""

    session: StartedSession
    over: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def leave(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks.clear()


class Room:
    """Listens until it is cancelled; then the session is ended. Holes and messages go into *spool*."""

    def __init__(self, calls: PlatformCalls, spool: Spool, clock: Clock, options: RoomOptions) -> None:
        self._calls = calls
        self._spool = spool
        self._clock = clock
        self._options = options
        self._recent: LRUCache[str, None] = LRUCache(MAX_RECENT)
        self._remembered_ms = 0
        last = spool.value(LAST_HEARD)
        self.coverage = Coverage(clock, int(last) if last else None, self._tell_hole)
        self.stored = asyncio.Event()
        """Set whenever something was put into the spool."""

    async def listen(self) -> None:
        """Start sessions and listen. Raises `ConfigurationError` where the platform refuses for good."""
        # One that was killed left its session behind; while it lasts, the platform may refuse another.
        await self._end(self._spool.value(GAME_ID))
        async with aiohttp.ClientSession() as client:
            before: _Attended | None = None
            try:
                while True:
                    before = await self._attend_next(client, before)
            finally:
                if before is not None:
                    await before.leave()

    async def _attend_next(self, client: aiohttp.ClientSession, before: _Attended | None) -> _Attended:
        """Listen to a new session until it is over, and return it with its links still trying.

        The links of the one *before* it are left when those of the new one are open.
        """
        if before is not None and not before.opened.is_set():
            await asyncio.sleep(MAX_PAUSE_S / 3)  # it let nobody listen: the next may do the same
        session = await self._patiently(self._calls.start, "a session cannot be started")
        self._spool.remember(GAME_ID, session.game_id)
        log.info("listening to a room", room=session.room_id, links=self._options.links)
        now = _Attended(session)
        try:
            await self._attend(client, now, before)
        finally:
            if not now.over.is_set():  # it was stopped
                await now.leave()
                await asyncio.shield(self._end(session.game_id))
        return now

    async def _attend(self, client: aiohttp.ClientSession, now: _Attended, before: _Attended | None) -> None:
        addresses = islice(cycle(now.session.links), self._options.links)
        now.tasks = [asyncio.create_task(self._keep_link(client, url, now)) for url in addresses]
        now.tasks.append(asyncio.create_task(self._keep_session(now)))
        if before is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(now.opened.wait(), HANDOVER_S)
            await before.leave()
        await now.over.wait()

    async def _keep_link(self, client: aiohttp.ClientSession, url: str, attended: _Attended) -> None:
        async def once() -> None:
            listener = _Listener(self, attended)
            try:
                await listen(client, url, attended.session.auth_body, listener, heartbeat_s=self._options.heartbeat_s)
            except LinkRefusedError:
                attended.over.set()
                raise
            except PipelineError as error:
                if not listener.was_open:
                    raise
                log.info("a link dropped and is made anew", why=str(error))

        while True:
            await self._patiently(once, "a link cannot be made")

    async def _keep_session(self, attended: _Attended) -> None:
        """Send heartbeats until one says that the session is over. One that fails otherwise is sent again sooner."""
        while attended.session.game_id and not attended.over.is_set():
            pause_s = self._options.heartbeat_s
            try:
                await self._calls.heartbeat(attended.session.game_id)
            except SessionOverError as error:
                log.warning("the session is over; a new one is started", why=str(error))
                attended.over.set()
            except PipelineError as error:
                log.warning("a heartbeat failed", why=str(error))
                pause_s /= 4
            await asyncio.sleep(pause_s)

    async def _end(self, game_id: str) -> None:
        if not game_id:
            return
        with suppress(PipelineError):
            await self._calls.end(game_id)
        self._spool.remember(GAME_ID, "")

    async def _patiently(self, once: Callable[[], Awaitable[T]], what: str) -> T:
        """Return what *once* gives, tried until it does; the pause between grows at random.

        Raises `ConfigurationError` at once: another try would get the same.
        """
        retrying = AsyncRetrying(
            retry=retry_if_exception(_may_pass),
            wait=wait_random_exponential(multiplier=self._options.first_pause_s, max=MAX_PAUSE_S),
            before_sleep=lambda state: log.warning(what, why=_why(state), tries=state.attempt_number),
        )
        return await retrying(once)

    def store(self, messages: Sequence[bytes], game_id: str) -> bool:
        """Keep what was heard for the first time; return whether the platform said that session *game_id* is over."""
        self.coverage.heard()
        self._remember_heard()
        new = []
        over = False
        for body in map(_normal, messages):
            key, message = _identity(body)
            over = over or _ends(message, game_id)
            if key not in self._recent:
                self._recent[key] = None
                new.append(body)
        if new:
            unkept = self._spool.add(new)
            if unkept:
                self.coverage.dropped(unkept)
            self.stored.set()
        return over

    def _remember_heard(self) -> None:
        now_ms = self._clock.now_ms()
        if now_ms - self._remembered_ms >= REMEMBER_EVERY_MS:
            self._remembered_ms = now_ms
            self._spool.remember(LAST_HEARD, str(now_ms))

    def _tell_hole(self, hole: Hole) -> None:
        self._spool.add_hole(hole)
        log.warning("messages may have been missed", from_ms=hole.from_ms, to_ms=hole.to_ms, why=hole.why)


class _Listener:
    """What one link of a session hears."""

    def __init__(self, room: Room, attended: _Attended) -> None:
        self._room = room
        self._attended = attended
        self.was_open = False

    def opened(self) -> None:
        self.was_open = True
        self._attended.opened.set()
        self._room.coverage.opened()

    def heard(self, messages: Sequence[bytes]) -> None:
        if self._room.store(messages, self._attended.session.game_id):
            self._attended.over.set()

    def closed(self, why: str) -> None:
        self._room.coverage.closed(why)


def _normal(body: bytes) -> bytes:
    """Return *body* spelt in one way, names once each; what is no JSON becomes a message that says so.

    Many messages travel as one push, and none of them may make the others unreadable.
    """
    try:
        return msgspec.json.encode(msgspec.json.decode(body))
    except (msgspec.DecodeError, RecursionError):
        return msgspec.json.encode({"cmd": "UNREADABLE", "data": {"msg_id": hashlib.sha256(body).hexdigest()[:32]}})


def _identity(body: bytes) -> tuple[str, _Message]:
    """Return what tells a message from others, and as much of it as matters here."""
    try:
        message = _decode_message(body)
    except msgspec.DecodeError:
        return body.decode("latin-1"), _Message()
    named = message.data.msg_id if message.data else None
    return f"{message.cmd} {named}" if named else body.decode("latin-1"), message


def _ends(message: _Message, game_id: str) -> bool:
    ended = message.data.game_id if message.data else None
    return message.cmd == INTERACTION_END and ended in {None, game_id}


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, PipelineError) and not isinstance(error, ConfigurationError)


def _why(state: RetryCallState) -> str:
    return str(state.outcome.exception()) if state.outcome else ""
