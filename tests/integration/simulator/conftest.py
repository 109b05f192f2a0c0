"""A server on loopback that answers as it is told, and remembers what it was asked."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from tests.support.fake_gateway import JudgedRequest

Answer = tuple[int, bytes, dict[str, str]]


@dataclass
class RecordingServer:
    """`answer` decides; `script` is answered first, one entry per request (None: the connection is cut)."""

    answer: Callable[[JudgedRequest], Answer]
    script: list[Answer | None] = field(default_factory=list)
    requests: list[JudgedRequest] = field(default_factory=list)
    url: str = ""
    asked: threading.Event = field(default_factory=threading.Event)
    most_at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _now: int = 0

    def take(self, request: JudgedRequest) -> Answer | None:
        with self._lock:
            self.requests.append(request)
            self.asked.set()
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            scripted = bool(self.script)
            answer = self.script.pop(0) if scripted else None
        try:
            if scripted:
                return answer
            with self._lock:
                return self.answer(request)
        finally:
            with self._lock:
                self._now -= 1


def handler_for(server: RecordingServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.respond()

        def do_GET(self) -> None:
            self.respond()

        def respond(self) -> None:
            address = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = server.take(JudgedRequest(self.command, address.path, address.query, headers, body))
            if answer is None:
                self.close_connection = True
                return
            status, content, more = answer
            self.send_response(status)
            for name, value in {**more, "content-length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    return Handler


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    """Return a server that takes everything; set `answer` for more."""
    recording = RecordingServer(lambda _: (200, b"", {}))

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

    http = Server(("127.0.0.1", 0), handler_for(recording))
    recording.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield recording
    http.shutdown()
    http.server_close()
    thread.join(5)
