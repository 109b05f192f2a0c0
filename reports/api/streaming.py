"""Exports on their way out: one thread asks ClickHouse, a bounded queue carries its chunks to the connection."""

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterator, Callable, Generator
from typing import TypeVar

from reports.queries.context import QueryContext
from reports.service import EXPORT_THREADS, ReadService, TooBusyError
from runtime.errors import PipelineError

Answer = TypeVar("Answer")

QUEUED_CHUNKS = 8
"""Chunks that wait for a slow client: memory of an export stays at a few MB."""
WAITING_EXPORTS = 2 * EXPORT_THREADS
"""Exports running or waiting for a thread; one more is told to come again."""
STALLED_S = 60.0
"""A client that takes no chunk for this long has gone, and gives its thread to the next."""

Chunks = Generator[bytes, None, None]


async def whole_export(service: ReadService, make: Callable[[QueryContext], Answer]) -> Answer:
    """Run *make*, which takes seconds, in an export thread with a context of its own, so that no page waits for it.

    Raises `TooBusyError` where too many exports run, and whatever *make* raises.
    """
    if service.exports_running[0] >= WAITING_EXPORTS:
        raise TooBusyError("too many exports run")
    loop = asyncio.get_running_loop()

    def done() -> None:
        service.exports_running[0] -= 1

    service.exports_running[0] += 1
    found = service.export_threads.submit(contextvars.copy_context().run, lambda: make(service.context()))
    # At its own end and not the request's: a client that leaves does not stop the thread.
    found.add_done_callback(lambda _: loop.call_soon_threadsafe(done))
    return await asyncio.wrap_future(found)


class ExportStream:
    """The chunks of one export, made in an export thread and taken in the event loop."""

    def __init__(self, service: ReadService, make: Callable[[], Chunks]) -> None:
        self._reading = service
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(QUEUED_CHUNKS)
        self._closed = False

    async def start(self) -> AsyncIterator[bytes]:
        """Return the chunks once the first is there, so that what fails before it is still told as a problem.

        Raises `TooBusyError` where too many exports run, and whatever the first chunk raises.
        """
        if self._reading.exports_running[0] >= WAITING_EXPORTS:
            raise TooBusyError("too many exports run")
        self._reading.exports_running[0] += 1
        self._loop.run_in_executor(self._reading.export_threads, self._produce)
        first = await self._queue.get()
        if isinstance(first, Exception):
            raise first
        return self._chunks(first)

    async def _chunks(self, first: bytes | None) -> AsyncIterator[bytes]:
        chunk: bytes | Exception | None = first
        try:
            while chunk is not None:
                if isinstance(chunk, Exception):
                    # The connection breaks off, so that nobody takes half a file for a whole one.
                    raise chunk
                yield chunk
                chunk = await self._queue.get()
        finally:
            self._closed = True
            # The thread may wait for room: once it has it, it finds that nobody wants the rest.
            while not self._queue.empty():
                self._queue.get_nowait()

    def _produce(self) -> None:
        """In the export thread: put every chunk, then None or what went wrong."""
        end: Exception | None = None
        try:
            with contextlib.closing(self._make()) as chunks:
                for chunk in chunks:
                    self._put(chunk)
        except Exception as error:  # noqa: BLE001 - the outermost step of its thread: told to whoever takes the chunks
            end = error
        finally:
            self._loop.call_soon_threadsafe(self._done)
        with contextlib.suppress(PipelineError):
            self._put(end)

    def _put(self, item: bytes | Exception | None) -> None:
        if self._closed:
            raise PipelineError("nobody takes the export any more")
        future = asyncio.run_coroutine_threadsafe(self._queue.put(item), self._loop)
        try:
            future.result(timeout=STALLED_S)
        except TimeoutError as error:
            future.cancel()
            raise PipelineError("the export's client takes nothing any more") from error

    def _done(self) -> None:
        self._reading.exports_running[0] -= 1
