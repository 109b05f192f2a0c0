"""`avenue connect bilibili-live`: listens to a room and posts what it hears, until it is told to stop."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from avenue.connectors.bilibili.calls import TIMEOUT_S, AppKeys, PlatformCalls
from avenue.connectors.bilibili.room import Room, RoomOptions
from avenue.connectors.forward import Destination, Forwarder
from avenue.connectors.spool import Spool, alone
from runtime.clock import SystemClock

FINISH_S = 10.0
"""For which what waits is still posted after a stop; what is left goes with the next start."""


@dataclass(frozen=True, slots=True)
class ConnectorOptions:
    """Everything a connector is told."""

    keys: AppKeys
    platform_url: str
    destination: Destination
    state: Path
    seals: Callable[[], list[bytes]]
    """The secrets that seal what waits, newest first."""
    links: int


@dataclass(frozen=True, slots=True)
class ConnectorResult:
    """What became of a run."""

    posted: int
    waiting: int
    holes: int
    problem: str


async def connect(options: ConnectorOptions) -> ConnectorResult:
    """Listen and post until SIGINT or SIGTERM. Raises `ConfigurationError` where either side refuses for good."""
    with alone(options.state):
        spool = Spool(options.state, options.seals())
        try:
            return await _connect(options, spool)
        finally:
            spool.close()


async def _connect(options: ConnectorOptions, spool: Spool) -> ConnectorResult:
    clock = SystemClock()
    before = len(spool.holes())
    async with (
        httpx.AsyncClient(base_url=options.platform_url, timeout=TIMEOUT_S, trust_env=False) as platform,
        httpx.AsyncClient(base_url=options.destination.url, timeout=TIMEOUT_S, trust_env=False) as gateway,
    ):
        forwarder = Forwarder(gateway, spool, options.destination, clock)
        await forwarder.check()
        room = Room(PlatformCalls(platform, options.keys, clock), spool, clock, RoomOptions(links=options.links))
        await _until_stopped(room, forwarder)
    return ConnectorResult(forwarder.posted, spool.waiting(), len(spool.holes()) - before, forwarder.problem)


async def _until_stopped(room: Room, forwarder: Forwarder) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    listening = asyncio.create_task(room.listen())
    posting = asyncio.create_task(forwarder.run(room.stored))
    stopping = asyncio.create_task(_wait(stop))
    try:
        done, _ = await asyncio.wait({listening, posting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (listening, posting, stopping):
            task.cancel()
        await asyncio.gather(listening, posting, stopping, return_exceptions=True)
    for task in done - {stopping}:
        task.result()  # raises what ended it
    with suppress(TimeoutError):
        await asyncio.wait_for(_finish(forwarder), FINISH_S)


async def _wait(stop: asyncio.Event) -> None:
    await stop.wait()


async def _finish(forwarder: Forwarder) -> None:
    while await forwarder.post_some():
        pass
