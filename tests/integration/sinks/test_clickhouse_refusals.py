"""A ClickHouse server that says no: the driver's error, said in one sentence with the next step, without the password."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from avenue.doctor.pipeline_checks import check_clickhouse
from avenue.doctor.runner import BrokenError, CheckContext
from runtime.clickhouse import ClickHouse, ClickHouseError
from runtime.errors import RetryableError
from runtime.settings import ClickHouseSettings, Settings
from sinks.consumer.rows import TableRows
from sinks.consumer.tables import StoreTable
from sinks.consumer.writer import ClickHouseRowWriter

PASSWORD = "s3cret-word"

Answer = tuple[int, int, str]
# As a server of 26.9 words them: status, code, text.
ANSWERS: dict[str, tuple[Answer, str]] = {
    "password": (
        (403, 516, "avenue: Authentication failed: password is incorrect. (AUTHENTICATION_FAILED)"),
        "ClickHouse refuses the user or password; check AVENUE_CLICKHOUSE__DSN (avenue: Authentication failed",
    ),
    "rights": (
        (403, 497, "avenue: Not enough privileges. (ACCESS_DENIED)"),
        "ClickHouse does not allow that to the user; grant what docs/operations.md says (avenue: Not enough",
    ),
    "disk": (
        (500, 243, "Cannot reserve 1.00 MiB, not enough space. (NOT_ENOUGH_SPACE)"),
        "ClickHouse has no room on its disk; make room, and it goes on by itself (Cannot reserve 1.00 MiB",
    ),
}


@pytest.fixture
def server() -> Iterator["Refusing"]:
    """Return a server that answers every question as it is told."""
    with Refusing() as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


class Refusing(ThreadingHTTPServer):
    """`answer` is what it says to everything."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: Answer = ANSWERS["password"][0]

    @property
    def settings(self) -> ClickHouseSettings:
        return ClickHouseSettings.model_validate({"dsn": f"http://avenue:{PASSWORD}@127.0.0.1:{self.server_port}"})


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        assert isinstance(self.server, Refusing)
        status, code, text = self.server.answer
        body = f"Code: {code}. DB::Exception: {text} (version 26.9.2.1 (official build))\n".encode()
        self.send_response(status)
        self.send_header("X-ClickHouse-Exception-Code", str(code))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@pytest.mark.parametrize("case", ANSWERS)
def test_what_the_server_refuses_is_one_sentence_with_the_next_step(
    server: Refusing, tmp_path: Path, case: str
) -> None:
    server.answer, told = ANSWERS[case]
    store = ClickHouse(server.settings)

    with pytest.raises(ClickHouseError) as caught:
        store.reader().command("SELECT 1")
    with pytest.raises(RetryableError) as waits:
        ClickHouseRowWriter(store, timeout_s=5).write(TableRows(StoreTable.REGISTRY, b"{}", 1), token="")
    with pytest.raises(BrokenError) as broken:
        check_clickhouse(CheckContext(tmp_path, Settings(clickhouse=server.settings)))

    for words in (store.explain(caught.value), str(waits.value), str(broken.value)):
        assert told in words
        assert PASSWORD not in words
        assert len(words.splitlines()) == 1


def test_a_server_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    settings = ClickHouseSettings.model_validate({"dsn": f"http://avenue:{PASSWORD}@127.0.0.1:9"})

    with pytest.raises(BrokenError) as broken:
        check_clickhouse(CheckContext(tmp_path, Settings(clickhouse=settings)))

    assert str(broken.value).startswith("ClickHouse does not answer (")
    assert "check AVENUE_CLICKHOUSE__DSN and the server" in str(broken.value)
    assert PASSWORD not in str(broken.value)
