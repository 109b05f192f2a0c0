"""An HTTP/1.1 client that costs little: connections kept open, each sending the next body when it is answered."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from urllib.parse import urlsplit

from bench.pushes import Pushed


def push_over_wire(url: str, headers: Mapping[str, str], bodies: Sequence[bytes], *, at_once: int) -> Pushed:
    """Push the bodies over *at_once* connections. Raises `RuntimeError` where one is not accepted whole."""
    import uvloop

    return uvloop.run(_push(url, headers, bodies, at_once))


async def _push(url: str, headers: Mapping[str, str], bodies: Sequence[bytes], at_once: int) -> Pushed:
    place = urlsplit(url)
    fixed = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST /v1/events HTTP/1.1\r\nhost: {place.netloc}\r\n{fixed}content-length: "
    requests = iter([b"%b%d\r\n\r\n%b" % (head.encode(), len(body), body) for body in bodies])
    loop, began = asyncio.get_running_loop(), time.monotonic()
    senders = [_Sender(requests, loop.create_future()) for _ in range(at_once)]
    for sender in senders:
        await loop.create_connection(partial(_same, sender), place.hostname or "127.0.0.1", place.port or 80)
    accepted = sum(await asyncio.gather(*(sender.done for sender in senders)))
    return Pushed(accepted, time.monotonic() - began)


def _same(sender: "_Sender") -> "_Sender":
    return sender


class _Sender(asyncio.Protocol):
    """One connection; `done` comes to the number of events accepted."""

    def __init__(self, requests: Iterator[bytes], done: "asyncio.Future[int]") -> None:
        self.done = done
        self._requests = requests
        self._accepted = 0
        self._seen = b""
        self._wire: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = transport  # type: ignore[assignment]  # of a stream
        self._next()

    def data_received(self, data: bytes) -> None:
        self._seen += data
        head, found, body = self._seen.partition(b"\r\n\r\n")
        if not found or len(body) < int(_between(head.lower(), b"content-length: ", b"\r\n")):
            return
        if not head.startswith(b"HTTP/1.1 200") or b'"duplicate":0,"rejected":0' not in body:
            self.done.set_exception(RuntimeError(f"{self._seen[:500]!r}"))
            self._wire.close()
            return
        self._accepted += int(_between(body, b'"accepted":', b","))
        self._seen = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or RuntimeError("the gateway hung up"))

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is not None:
            self._wire.write(request)
            return
        self.done.set_result(self._accepted)
        self._wire.close()


def _between(text: bytes, before: bytes, after: bytes) -> bytes:
    return text.partition(before)[2].partition(after)[0]
