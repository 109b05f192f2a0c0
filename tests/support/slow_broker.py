"""A real broker behind a door of the test's: clients reach it only through a proxy that delays every byte."""

import asyncio
import threading
from pathlib import Path
from typing import Self

from avenue.embedded.broker import HOST, Broker
from avenue.embedded.ports import free_port

CHUNK = 65_536
LOOK_S = 0.02


class SlowDoor(threading.Thread):
    """Passes bytes on, each *delay_s* after it came, in both directions; nothing while *shut*."""

    def __init__(self, to_port: int, port: int) -> None:
        super().__init__(name="slow-door", daemon=True)
        self.delay_s = 0.0
        self.shut = False
        self.address = f"{HOST}:{port}"
        self._to_port = to_port
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._open = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        assert self._open.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self.join(10)

    def run(self) -> None:
        """Pass on until the end of the block."""
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, HOST, self._port)
        self._open.set()
        await self._ended.wait()
        server.close()
        mine = asyncio.current_task()
        under_way = [task for task in asyncio.all_tasks() if task is not mine]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(HOST, self._to_port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._pass_on(reader, back), self._pass_on(there, writer))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        writing = asyncio.create_task(self._write(waiting, writer))
        try:
            while chunk := await reader.read(CHUNK):
                waiting.put_nowait((self._loop.time() + self.delay_s, chunk))
        except OSError:
            pass  # the other side hung up: so do we
        finally:
            waiting.put_nowait((0.0, b""))
            await writing

    async def _write(self, waiting: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
        try:
            while (item := await waiting.get())[1]:
                while self.shut or self._loop.time() < item[0]:  # noqa: ASYNC110 - two things are waited for
                    await asyncio.sleep(LOOK_S)
                writer.write(item[1])
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


class HiddenBroker(Broker):
    """A broker that sends its clients to *door_port*."""

    def __init__(self, folder: Path, *, heap_mb: int) -> None:
        super().__init__(folder, heap_mb=heap_mb)
        self.door_port = free_port(HOST)

    def _configure(self) -> None:
        super()._configure()
        text = self._properties.read_text()
        lines = [line for line in text.splitlines() if not line.startswith("advertised.listeners=")]
        lines.append(f"advertised.listeners=PLAINTEXT://{HOST}:{self.door_port}")
        self._properties.write_text("\n".join(lines) + "\n")
