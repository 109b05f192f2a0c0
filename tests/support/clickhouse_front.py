"""ClickHouse's HTTP interface before chDB, for tests only: `python tests/support/clickhouse_front.py FOLDER`.

So that the real client, DSN, migrations and views meet the real engine in another process, as in production, where
no server can be installed. What a server does that this does not: users and quotas, sessions, progress headers,
streaming (an answer is made whole first). One process, nothing forked; each request has a connection of its own.
"""

import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import urllib.parse
import uuid
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import chdb
import lz4.frame  # type: ignore[import-untyped]  # has no stubs
import zstandard

USER, PASSWORD = "avenue_test", "front-only"
READY_S = 60.0
MAX_BODY_BYTES = 512 * 1_048_576
# What the interface itself understands; every other parameter is a setting of the query, as on a server.
_OWN = frozenset(
    {
        *("query", "database", "default_format", "query_id", "user", "password", "role", "quota_key"),
        *("session_id", "session_timeout", "session_check", "client_protocol_version"),
        *("compress", "decompress", "wait_end_of_query", "buffer_size", "enable_http_compression"),
        *("send_progress_in_http_headers", "http_headers_progress_interval_ms"),
        "cancel_http_readonly_queries_on_client_close",
    }
)
_INSERT = re.compile(rb"\A\s*(INSERT\s+INTO\s.*?)\bFORMAT\s+(\w+)[ \t]*\r?\n", re.IGNORECASE | re.DOTALL)
_FORMAT = re.compile(rb"\bFORMAT\s+(\w+)\s*;?\s*\Z", re.IGNORECASE)
_CODE = re.compile(r"Code: (\d+)\.")
_NAME = re.compile(r"\A[A-Za-z_][A-Za-z0-9_]*\Z")
_NOT_FOUND = frozenset({60, 81})
_UNKNOWN_OR_MALFORMED = frozenset({26, 33, 36, 43, 46, 47, 53, 62, 73, 117, 164})

_UNPACK: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
    "lz4": lz4.frame.decompress,
}
_PACK: Mapping[str, Callable[[bytes], bytes]] = {
    "zstd": lambda data: zstandard.ZstdCompressor(level=1).compress(data),
    "gzip": lambda data: gzip.compress(data, 1),
    "lz4": lz4.frame.compress,
}


class Answer(NamedTuple):
    """What a statement came to."""

    body: bytes
    format: str | None
    read_rows: int


class Engine:
    """chDB on one folder; a fresh connection for each statement, so that none sees another's settings."""

    def __init__(self, folder: Path) -> None:
        self._path = str(folder)
        # As long as one is open the engine stays: opening it anew costs most of a second.
        self._keep = chdb.connect(self._path)
        zone = self._keep.query("SELECT timezone()", "TabSeparated").bytes()
        self.timezone: str = zone.decode().strip()

    def run(self, sql: bytes, options: Mapping[str, str]) -> Answer:
        """Run *sql* as a request with the parameters *options* asks; raises what the engine raises."""
        connection = chdb.connect(self._path)
        try:
            if database := options.get("database"):
                connection.query(f"USE `{database.replace('`', '')}`")
            if assignments := _assignments(options):
                connection.query(f"SET {assignments}")
            binds = {name[6:]: value for name, value in options.items() if name.startswith("param_")}
            return _run(connection, sql, binds, options.get("default_format", "TabSeparated"))
        finally:
            connection.close()

    def close(self) -> None:
        """Let the folder go."""
        self._keep.close()


def _assignments(options: Mapping[str, str]) -> str:
    settings = {name: value for name, value in options.items() if name not in _OWN and not name.startswith("param_")}
    unfit = [name for name in settings if not _NAME.match(name)]
    if unfit:
        raise ValueError(f"Code: 115. DB::Exception: Unknown setting {unfit[0]}")
    # What it allows is decided last, or the rest could not be set any more.
    ordered = sorted(settings.items(), key=lambda item: item[0] == "readonly")
    return ", ".join(f"{name} = {_quoted(value)}" for name, value in ordered)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _run(connection: Any, sql: bytes, binds: dict[str, str], default_format: str) -> Answer:
    insert = _INSERT.match(sql)
    if insert:
        return _insert(connection, insert[1].decode(), insert[2].decode(), sql[insert.end() :])
    stated = _FORMAT.search(sql)
    if stated:
        result = connection.query(sql, default_format, params=binds)
        return Answer(result.bytes() or b"", stated[1].decode(), int(result.rows_read()))
    # Only a statement with a result writes names, also where it has no rows: a server says so in a header.
    result = connection.query(sql, "TabSeparatedWithNames", params=binds)
    names, _, rows = (result.bytes() or b"").partition(b"\n")
    return Answer(rows, default_format if names else None, int(result.rows_read()))


def _insert(connection: Any, head: str, fmt: str, data: bytes) -> Answer:
    """Insert *data*, which follows its statement: chDB reads it from a file only."""
    with tempfile.NamedTemporaryFile(suffix=".insert") as file:
        file.write(data)
        file.flush()
        result = connection.query(f"{head} FROM INFILE {_quoted(file.name)} FORMAT {fmt}", "TabSeparated")
    return Answer(b"", None, int(result.rows_read()))


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    engine: Engine

    def do_GET(self) -> None:
        """Answer /ping, and statements that change nothing."""
        self._answer(readonly=True)

    def do_POST(self) -> None:
        """Answer any statement."""
        self._answer(readonly=False)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Keep requests out of the test's output."""

    def _answer(self, *, readonly: bool) -> None:
        url = urllib.parse.urlsplit(self.path)
        body = self._body()
        if url.path == "/ping":
            self._send(200, b"Ok.\n")
            return
        options = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True, max_num_fields=10_000))
        if not self._known(options):
            self._fail("Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)", 516, 403)
            return
        if self.headers.get_content_type() == "multipart/form-data":
            options |= _form(self.headers["Content-Type"], body)
            body = b""
        if readonly:
            options.setdefault("readonly", "2")
        sql = b"\n".join(part for part in (options.get("query", "").encode(), body) if part)
        self._run(sql, options)

    def _run(self, sql: bytes, options: dict[str, str]) -> None:
        try:
            answer = self.engine.run(sql, options)
        except Exception as error:  # noqa: BLE001 - whatever the engine says is the client's answer
            words = str(error)
            found = _CODE.search(words)
            code = int(found[1]) if found else 1002
            status = 404 if code in _NOT_FOUND else 400 if code in _UNKNOWN_OR_MALFORMED else 500
            self._fail(words, code, status)
            return
        summary = {"read_rows": str(answer.read_rows), "written_rows": str(answer.read_rows)}
        headers = {
            "X-ClickHouse-Query-Id": options.get("query_id") or str(uuid.uuid4()),
            "X-ClickHouse-Summary": json.dumps(summary),
            "X-ClickHouse-Timezone": self.engine.timezone,
        }
        if answer.format:
            headers["X-ClickHouse-Format"] = answer.format
        packed = options.get("enable_http_compression") == "1"
        self._send(200, answer.body, headers, packed=packed)

    def _fail(self, words: str, code: int, status: int) -> None:
        self._send(status, words.encode() + b"\n", {"X-ClickHouse-Exception-Code": str(code)})

    def _send(
        self, status: int, body: bytes, headers: Mapping[str, str] | None = None, *, packed: bool = False
    ) -> None:
        asked = self.headers.get("Accept-Encoding", "").replace(" ", "").split(",")
        encoding = next((name for name in _PACK if name in asked), None) if packed and body else None
        if encoding:
            body = _PACK[encoding](body)
        self.send_response(status)
        for name, value in {"Content-Type": "text/plain; charset=UTF-8", **(headers or {})}.items():
            self.send_header(name, value)
        if encoding:
            self.send_header("Content-Encoding", encoding)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _known(self, options: Mapping[str, str]) -> bool:
        scheme, _, words = self.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            user, _, password = b64decode(words).decode().partition(":")
        else:
            user = self.headers.get("X-ClickHouse-User", options.get("user", ""))
            password = self.headers.get("X-ClickHouse-Key", options.get("password", ""))
        return (user, password) == (USER, PASSWORD)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            data = b"".join(self._chunks())
        else:
            data = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), MAX_BODY_BYTES))
        unpack = _UNPACK.get(self.headers.get("Content-Encoding", ""))
        return unpack(data) if unpack else data

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass


def _form(content_type: str, body: bytes) -> dict[str, str]:
    """Return the fields of a form: the client sends parameters so when they are too long for an address."""
    parsed = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    fields: dict[str, str] = {}
    for part in parsed.iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        fields[str(part.get_param("name", header="content-disposition"))] = content.decode()
    return fields


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    """Serve until standard input ends: with whoever started this."""
    engine = Engine(Path(sys.argv[1]))
    Handler.engine = engine
    server = _Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"ready {server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.shutdown()
    engine.close()


@contextmanager
def clickhouse_front(folder: Path) -> Iterator[str]:
    """Run a front on *folder* as a process of its own; yield the DSN of its store."""
    folder.mkdir(parents=True, exist_ok=True)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AVENUE_")}
    with (folder.parent / f"{folder.name}.stderr").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, __file__, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environ,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        words = process.stdout.readline().split()
        assert words[:1] == [b"ready"], (folder.parent / f"{folder.name}.stderr").read_text()
        yield f"http://{USER}:{PASSWORD}@127.0.0.1:{int(words[1])}"
    finally:
        process.stdin.close()
        try:
            process.wait(READY_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


if __name__ == "__main__":
    main()
