"""Every place where a running stack keeps or shows something, as text, with the name of each."""

import csv
import io
import json
import re
import zipfile
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import httpx
import pyarrow.parquet
import pypdfium2  # type: ignore[import-untyped]  # it ships no types

from bench.layouts import Road, settings_of
from bench.pushes import headers_of
from runtime.kafka import make_admin, make_consumer, offset_spans

PAGES_MOST = 24
"""Of one key: what links lead to, breadth first."""
DELIVERIES_MOST = 8
WHOLE = frozenset({"operator", "startup:calmwave"})
"""Whose exports and reports are read: of one trial they are the same whoever asks."""
ANSWER_S = 120.0
IDLE_POLLS = 50
FORMATS = ("ndjson", "csv", "parquet")
REPORTS = (("html", "zh"), ("html", "en"), ("json", "zh"), ("xlsx", "zh"), ("pdf", "zh"))
_LINK = re.compile(r"""(?:href|hx-get|data-url|action)="([^"#]+)""")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")

Place = tuple[str, str]
"""Its name, and what stands there."""


def readable(raw: bytes) -> str:
    """Return *raw* as text and, where it spells characters by escapes, once more as what they spell."""
    text = raw.decode("utf-8", "replace")
    spelt = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    spelt = unquote(spelt) if "%" in spelt else spelt
    return text if spelt == text else f"{text}\n{spelt}"


def topics(road: Road) -> Iterator[Place]:
    """Yield each topic's records: keys, values, headers."""
    settings = settings_of(road.home, road.bootstrap).kafka
    admin = make_admin(settings)
    names = sorted(name for name in admin.list_topics() if not name.startswith("__"))
    spans = offset_spans(admin, names)
    admin.close()
    consumer = make_consumer(settings, client_id="personal")
    try:
        for name in names:
            parts = [part for part, (first, end) in spans.items() if part.topic == name and end > first]
            yield f"topic {name}", "\n".join(readable(found) for found in _records(consumer, parts, spans))
    finally:
        consumer.close()


def _records(consumer: Any, parts: Sequence[Any], spans: Any) -> Iterator[bytes]:
    if not parts:
        return
    consumer.assign(parts)
    consumer.seek_to_beginning(*parts)
    idle = 0
    while idle < IDLE_POLLS and any(consumer.position(part) < spans[part][1] for part in parts):
        polled = consumer.poll(timeout_ms=200)
        idle = 0 if polled else idle + 1
        for records in polled.values():
            for record in records:
                more = [f"{name} ".encode() + (value or b"") for name, value in record.headers]
                yield b" ".join([record.key or b"", record.value or b"", *more])
    if any(consumer.position(part) < spans[part][1] for part in parts):
        raise RuntimeError("a topic was not read to its end")


def tables(road: Road) -> Iterator[Place]:
    """Yield each table's and view's rows."""
    names = _sql(road, "SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name")
    for row in (json.loads(line) for line in names.splitlines()):
        yield f"table {row['name']}", readable(_sql(road, f"SELECT * FROM `{row['name']}`"))  # noqa: S608 - its own


def _sql(road: Road, text: str) -> bytes:
    answer = httpx.post(
        f"{road.url}/internal/sql", content=text, headers=headers_of(road.operator_key), timeout=ANSWER_S
    )
    answer.raise_for_status()
    return answer.content


def logs(road: Road) -> Iterator[Place]:
    """Yield what the roles have logged."""
    for path in (road.home.parent / "up.log", *sorted((road.home / "logs").glob("*"))):
        yield f"log {path.name}", readable(path.read_bytes())


def metrics(road: Road) -> Iterator[Place]:
    """Yield what the roles count, and their health."""
    for role, ops in (("server", road.sink_ops), ("worker", road.worker_ops)):
        for path in ("/metrics", "/health/live", "/health/ready"):
            yield f"ops {role}{path}", readable(httpx.get(ops + path, timeout=ANSWER_S, trust_env=False).content)


def files(road: Road) -> Iterator[Place]:
    """Yield the raw bytes of every file in the home folder: log segments, parts of tables, keys, whatever is there.

    Noughts are left out: a broker sets its files' room aside. Parts of tables and records of some topics are packed:
    of those this sees names and what was not packed.
    """
    for path in sorted(road.home.rglob("*")):
        if path.is_file() and path.suffix != ".jar" and "offline" not in path.parts:
            yield f"file {path.relative_to(road.home)}", readable(path.read_bytes().replace(b"\0", b""))


def pages(road: Road, scope: str, key: str) -> Iterator[Place]:
    """Yield every page and answer that links lead *key*'s browser to, and each path of the API."""
    with httpx.Client(base_url=road.url, timeout=ANSWER_S, trust_env=False) as client:
        signed = client.post("/sign-in", data={"key": key, "next": "/"}, headers={"origin": road.url})
        if signed.status_code not in {200, 303}:
            raise RuntimeError(f"a key of {scope} could not sign in: {signed.status_code}")
        yield from _crawled(client, scope)
        client.cookies.clear()
        client.headers["authorization"] = f"Bearer {key}"
        yield from _answers(client, scope)


def _crawled(client: httpx.Client, scope: str) -> Iterator[Place]:
    due, seen = deque(["/", "/trials", "/account", "/account/calls", "/account/rejects", "/avenue", "/ops"]), set[str]()
    while due and len(seen) < PAGES_MOST:
        path = due.popleft()
        if path in seen:
            continue
        seen.add(path)
        answer = client.get(path, follow_redirects=True)
        if "html" not in answer.headers.get("content-type", ""):
            continue
        yield f"page {scope} {path}", readable(answer.content)
        links = (urljoin(str(answer.url), link.replace("&amp;", "&")) for link in _LINK.findall(answer.text))
        parts = (urlsplit(link) for link in links)
        due.extend(
            f"{part.path}?{part.query}".rstrip("?")
            for part in parts
            if part.netloc == client.base_url.netloc.decode() and not part.path.startswith(("/docs", "/static"))
        )


def _answers(client: httpx.Client, scope: str) -> Iterator[Place]:
    document = client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        if scope not in WHOLE and "{trial_id}" in path:
            continue
        if "get" not in methods or path.startswith(("/in/", "/docs", "/s/")) or path.endswith("/live"):
            continue
        for filled in _addresses(client, path):
            answer = client.get(filled)
            yield f"api {scope} {filled}", as_text(answer.content, answer.headers.get("content-type", ""))


def _addresses(client: httpx.Client, path: str) -> Iterator[str]:
    """Yield *path* with its parameters filled from what the key may see."""
    if "{delivery_id}" in path:
        calls = client.get("/v1/account/calls")
        found = set(re.findall(r'"delivery_id":"([^"]+)"', calls.text)) if calls.status_code == 200 else set()
        yield from (path.replace("{delivery_id}", name) for name in sorted(found)[:DELIVERIES_MOST])
    elif "{trial_id}" in path:
        trials = client.get("/v1/trials")
        ids = re.findall(r'"id":"([^"]+)"', trials.text) if trials.status_code == 200 else []
        for name in dict.fromkeys(ids):
            yield from _of_trial(path.replace("{trial_id}", name))
    elif "{" not in path:
        yield path
        if path.startswith("/v1/account/"):
            yield from (f"{path}?window={window}" for window in ("5m", "1h", "7d"))


def _of_trial(address: str) -> Iterator[str]:
    if "{" in address:
        return
    if address.endswith("/events"):
        yield from (f"{address}?format={form}" for form in FORMATS)
    elif address.endswith("/report"):
        yield from (f"{address}?lang={lang}&format={form}" for form, lang in REPORTS)
    elif address.endswith("/metrics"):
        yield f"{address}?metric=events&step=hour&by=placement"
    else:
        yield address


def as_text(content: bytes, media: str) -> str:
    """Return what a file says: tables row by row, a workbook's and a paper's text."""
    if content.startswith(b"PAR1"):
        rows = pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()
        return "\n".join(json.dumps(row, ensure_ascii=False, default=str) for row in rows)
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            return "\n".join(readable(packed.read(name)) for name in packed.namelist())
    if content.startswith(b"%PDF"):
        paper = pypdfium2.PdfDocument(content)
        return "\n".join(page.get_textpage().get_text_range() for page in paper)
    if "csv" in media:
        return "\n".join(" ".join(row) for row in csv.reader(io.StringIO(readable(content))))
    return readable(content)


def frozen(road: Road, trial: str) -> Iterator[Place]:
    """Yield a report frozen now, and the rows that it stands on."""
    asked = json.dumps({"trial": trial, "as_of_ms": None}).encode()
    done = httpx.post(
        f"{road.url}/internal/freeze", content=asked, headers=headers_of(road.operator_key), timeout=ANSWER_S
    )
    done.raise_for_status()
    name = done.json()["report_id"]
    for path in (f"/v1/trials/{trial}/reports/{name}", f"/v1/trials/{trial}/reports/{name}/extract"):
        answer = httpx.get(road.url + path, headers=headers_of(road.operator_key), timeout=ANSWER_S)
        answer.raise_for_status()
        sort = "extract" if path.endswith("extract") else "frozen"
        yield f"{sort} {name}", as_text(answer.content, answer.headers.get("content-type", ""))


def beside(folder: Path) -> Iterator[Place]:
    """Yield what the partner's own client has written beside its file."""
    for path in sorted(folder.glob("*.verdicts.ndjson")):
        yield f"verdicts {path.name}", readable(path.read_bytes())
