"""Two startups on one street, the same happening to both, and a site over it that is asked as anybody may ask."""

import asyncio
import hashlib
import io
import re
import sys
import uuid
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, TypeAlias

import httpx
import msgspec
import pyarrow.parquet
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from avenue.serve.application import litestar_application
from registry.directory import Directory
from reports.frozen.store import EXTRACT, MODEL, SignedReport, put
from reports.queries.context import QueryContext
from reports.service import ReadService
from runtime.clickhouse import ClickHouse
from runtime.clock import ManualClock
from runtime.settings import ReportSettings, Settings
from schemas.registry import AccessKey, Registry
from sinks.clickhouse.migrate import migrate
from tests.support.clickhouse_fixtures import clickhouse_settings
from tests.support.dashboard_harness import wake_threads
from tests.support.paths import ROOT
from tests.support.reports_harness import NOW, START, World, cells_of, directory, event

# Each trial's own word stands in everything that is its own. The first startup has three trials, two of one product.
FIRST, TWIN, SECOND, OTHER = "ambrosia", "agate", "amethyst", "basalt"
WORDS = (FIRST, TWIN, SECOND, OTHER)
OWN = (FIRST, TWIN, SECOND)
METRES = {FIRST: 10.0, TWIN: 15.0, SECOND: 20.0, OTHER: 30.0}
EVENTS = 12
PARAMETER = re.compile(r"\{(\w+)[^}]*\}")
BASE = "http://testserver.local"
BROWSER = {"accept": "text/html, */*;q=0.5", "accept-language": "en"}
FORM = {"origin": BASE}
SCOPES = {
    FIRST: f"startup:{FIRST}-startup",
    OTHER: f"startup:{OTHER}-startup",
    "account": f"account:{OTHER}-account",
    "operator": "operator",
}
PACKAGES = tuple(str(ROOT / package) for package in ("avenue", "registry", "reports", "runtime", "schemas"))
DECIDES = str(ROOT / "reports" / "scope.py")


def product_of(word: str) -> str:
    """Return the product of *word*'s trial."""
    return f"{FIRST if word == TWIN else word}-product"


def startup_of(word: str) -> str:
    """Return the startup of *word*'s trial."""
    return f"{FIRST if word in OWN else word}-startup"


def registry(*, more_of_other: bool = False) -> Registry:
    """Return a street with two startups: trials, placements and an account of each, and an account that both share.

    *more_of_other*: the other startup has a second product and trial there, and reports its place by one account more.
    """
    words = (*WORDS, "bauxite") if more_of_other else WORDS
    owners = {word: startup_of(OTHER if word == "bauxite" else word) for word in words}
    accounts = [f"{FIRST}-account", f"{OTHER}-account", *([f"{OTHER}-till"] if more_of_other else [])]
    placements = [
        *(_placement(word, METRES.get(word, METRES[OTHER]), "common") for word in words),
        _placement(FIRST, METRES[FIRST], f"{FIRST}-account"),
        *(_placement(OTHER, METRES[OTHER], account) for account in accounts[1:]),
    ]
    return Registry.model_validate(
        {
            "demo": True,
            "avenue": {"id": "street", "name": {"zh": "街", "en": "street"}, "length_m": 200},
            "startups": [{"id": f"{word}-startup", "name": _text(word)} for word in (FIRST, OTHER)],
            "products": [
                {"id": f"{word}-product", "startup": owners[word], "name": _text(word)}
                for word in words
                if product_of(word) == f"{word}-product"
            ],
            "trials": [_trial(word) for word in words],
            "accounts": [{"id": account, "platform": "sunmi"} for account in (*accounts, "common")],
            "placements": placements,
            "notes": [
                {"id": f"{word}-note", "at": "2026-11-21T12:00:00+08:00", "text": _text(word), "trial": f"{word}-trial"}
                for word in words
            ],
            "channels": [_channel(word) for word in words],
        }
    )


def _text(word: str) -> dict[str, str]:
    return {"zh": f"{word}-名", "en": f"{word} name"}


def _trial(word: str) -> dict[str, Any]:
    times = {"starts": "2026-11-20T00:00:00+08:00", "ends": "2026-12-20T00:00:00+08:00"}
    about = {"hypothesis": _text(word), "primary_metric": "success_rate", "arms": ["baseline", "pilot"]}
    return {"id": f"{word}-trial", "product": product_of(word), "guardrails": ["refund_rate"], **times, **about}


def _placement(word: str, metre: float, account: str) -> dict[str, Any]:
    times = {"from": "2026-11-20T00:00:00+08:00", "until": "2026-12-20T00:00:00+08:00"}
    spot = {"metre": metre, "side": "north", "place": f"{word}-place", "zone": f"{word} zone"}
    key = {"account": account, "match": {"sn": f"{word}-{account}-sn"}}
    return {"id": f"{word}-{account}-at", "trial": f"{word}-trial", "arm": "pilot", **times, **spot, **key}


def _channel(word: str) -> dict[str, Any]:
    # A startup is told of all its trials; of two of them somebody is told of one alone.
    whose = {"trial": f"{word}-trial"} if word in {TWIN, SECOND} else {"startup": f"{word}-startup"}
    whose = {"startup": f"{OTHER}-startup"} if word == "bauxite" else whose
    return {"id": f"{word}-channel", "address": "env:ADDRESS", "language": "en", **whose}


def known(*, more_of_other: bool = False) -> Directory:
    """Return that street with a key of each scope; the key is its scope."""
    keys = [
        AccessKey(
            id=f"k-{scope.replace(':', '-')}",
            scope=scope,
            sha256=hashlib.sha256(scope.encode()).hexdigest(),
            prefix=scope[:3],
            created_at=datetime.fromtimestamp(START / 1000, UTC),
        )
        for scope in SCOPES.values()
    ]
    street = registry(more_of_other=more_of_other)
    return Directory(version=1, registry=street, keys={k.sha256: k for k in keys}, epochs=directory().epochs)


def fill(world: World, word: str, *, often: int = 1) -> None:
    """Let the same happen to each trial: events, orders, rejects of an own and of the shared account.

    *often* times of it; the first time is the same whatever is said.
    """
    for time in range(often):
        tag = word if time == 0 else f"{word}-{time}"
        events = [
            event(
                n,
                event_id=f"{tag}-event-{n}",
                product_id=product_of(word),
                trial_id=f"{word}-trial",
                placement_id=f"{word}-common-at",
                account_id="common",
                kind=kind,
                outcome="ok" if kind == "use.completed" else "",
                amount_fen=1990 if kind.startswith("order") else None,
                subject=hashlib.blake2b(f"{tag}{n % 3}".encode(), digest_size=16).hexdigest(),
                attributes=msgspec.Raw(f'{{"scene":"{word} scene"}}'.encode()),
                occurred_ms=NOW - (n + time * EVENTS) * 60_000,
            )
            for n in range(EVENTS)
            for kind in ("exposure", "use.started", "use.completed", "order.paid")
        ]
        world.store(events)
        world.live(cells_of(events))
        world.insert("pilot_rejects", [_reject(word, tag, account) for account in ("common", _account(word))])
        world.insert("delivery_lines", [_delivery(word, tag)])


def _account(word: str) -> str:
    return f"{FIRST if word in OWN else OTHER}-account"


def _reject(word: str, tag: str, account: str) -> dict[str, Any]:
    return {
        "reject_id": f"{tag}-reject-{account}",
        "account_id": account,
        "platform": "sunmi",
        "flow": "events",
        "reason": "invalid_value",
        "field": "arm",
        "message": f"{word} message",
        "received_ms": NOW - 60_000,
        "payload": f'{{"placement_id":"{word}-common-at","event_id":"{tag}-event-x"}}',
    }


def _delivery(word: str, tag: str) -> dict[str, Any]:
    return {
        "delivery_id": f"{tag}-delivery",
        "account_id": _account(word),
        "platform": "sunmi",
        "flow": "events",
        "status": 200,
        "received": 1,
        "rejected": 1,
        "reasons": {"invalid_value": 1},
        "others": [[0, "rejected", f"{tag}-event-x", "invalid_value", f"{tag}-reject-{_account(word)}"]],
        "received_ms": NOW - 60_000,
        "answered_ms": NOW - 59_990,
        "call": f'{{"sent":["{word}"]}}',
    }


def _frozen(word: str, model: bytes) -> SignedReport:
    files = {f"{lang}.{form}": f"{word} {form}".encode() for lang in ("zh", "en") for form in ("html", "pdf", "xlsx")}
    return SignedReport(
        trial_id=f"{word}-trial",
        report_id=f"{word}-report",
        as_of_ms=NOW - 3_600_000,
        key_id=f"{word}-signer",
        extract_sha256=hashlib.sha256(word.encode()).hexdigest(),
        events=EVENTS,
        starts_ms=START,
        files={**files, MODEL: model},
        extract=f"{word} {EXTRACT}".encode(),
    )


CodeRun: TypeAlias = Counter[tuple[str, str]]
"""How often a function ran, by file and name."""


class CountedCalls:
    """Counts what of our own code runs in this thread, the decision who sees what left out."""

    def __init__(self) -> None:
        self.calls: CodeRun = Counter()

    def __call__(self, frame: FrameType, happened: str, _argument: Any) -> None:
        code = frame.f_code
        # A template or module is made once, whoever asks for it first.
        ours = code.co_filename.startswith(PACKAGES) and code.co_filename != DECIDES and code.co_name != "<module>"
        if happened == "call" and ours:
            self.calls[code.co_filename, code.co_qualname] += 1


@dataclass
class Site:
    """One application over that street, who asks it, and what an answer costs it."""

    world: World
    reading: ReadService
    app: Litestar
    loop: asyncio.Runner
    client: httpx.AsyncClient
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    shares: dict[str, dict[str, str]] = field(default_factory=dict)
    questions: list[int] = field(default_factory=lambda: [0])

    def routes(self) -> list[tuple[str, str]]:
        """Return each method and path that the application has, as it writes them."""
        return sorted(
            (method, route.path_format)
            for route in self.app.routes
            if isinstance(route, HTTPRoute)
            for method in set(route.route_handler_map) - {"OPTIONS", "HEAD"}
        )

    def token(self, word: str) -> str:
        """Return what opens *word*'s share link."""
        return self.shares[word]["url"].rsplit("/", 1)[1]

    def ids(self, word: str) -> tuple[str, ...]:
        """Return an id of everything that is *word*'s, the trial's first."""
        sorts = (
            *("trial", "product", "report", "channel", "note", "place", "common-at", "event-1", "reject-common"),
            "delivery",
        )
        whose = (startup_of(word), _account(word), f"k-startup-{startup_of(word)}", f"{word}-signer")
        return (*(f"{word}-{sort}" for sort in sorts), *whose, self.shares[word]["id"])

    def ask(self, who: str, method: str, path: str, **more: Any) -> httpx.Response:
        """Return the answer of *path* to *who*."""
        if method == "POST" and path.startswith("/v1/") and not more:
            more = {"json": {"days": 7}}
        headers = {**BROWSER, **self.headers[who], **(FORM if method != "GET" else {})}
        answer = self.loop.run(self.client.request(method, path, headers=headers, **more))
        self.client.cookies.clear()
        return answer

    def ask_own(self, word: str, path: str) -> httpx.Response:
        """Ask for *path* as the startup does: programs by key, people signed in."""
        return self.ask(word if path.startswith("/v1/") else f"{word} signed in", "GET", path)

    def cost(self, who: str, method: str, path: str, *, work: bool) -> tuple[httpx.Response, int, CodeRun]:
        """Return the answer, how many questions it cost the store, and with *work* what of our code it ran how often."""
        before, counted = self.questions[0], CountedCalls()
        outside = sys.getprofile()
        sys.setprofile(counted if work else outside)
        try:
            answer = self.ask(who, method, path)
        finally:
            sys.setprofile(outside)
        return answer, self.questions[0] - before, counted.calls


@contextmanager
def isolation_site(clickhouse_folder: Path | None) -> Iterator[Site]:
    """Give the site over a store of its own."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    store = ClickHouse(clickhouse_settings(name), path=clickhouse_folder)
    migrate(store)
    world = World(store, directory=known())
    for word in WORDS:
        fill(world, word)
    world.mark_complete(NOW - 12_000)
    settings = Settings(report=ReportSettings(queries=1))
    reading = ReadService(store, lambda: world.directory, settings, ManualClock(NOW), session_secret=b"s" * 32)
    wake_threads(reading)
    app = litestar_application(settings, reading.directory, read_service=reading)
    with asyncio.Runner() as loop, pytest.MonkeyPatch.context() as patch:
        site = Site(world, reading, app, loop, httpx.AsyncClient(transport=transport(app), base_url=BASE))
        _count_questions(patch, site.questions)
        _introduce(site)
        yield site
        loop.run(site.client.aclose())
    reading.close()
    store.writer().command(f"DROP DATABASE IF EXISTS {name}")
    store.close()


def transport(app: Any) -> httpx.ASGITransport:
    """Return the way to *app* in this process; what it raises is answered as a server would."""
    return httpx.ASGITransport(app, raise_app_exceptions=False)


def _count_questions(patch: pytest.MonkeyPatch, questions: list[int]) -> None:
    rows = QueryContext.rows

    def counted(self: QueryContext, *asked: Any, **parts: Any) -> Any:
        questions[0] += 1
        return rows(self, *asked, **parts)

    patch.setattr(QueryContext, "rows", counted)


def _introduce(site: Site) -> None:
    """Say who asks how: by key, signed in, not at all; and make a share link of each trial."""
    site.headers |= {who: {"authorization": f"Bearer {scope}"} for who, scope in SCOPES.items()} | {"nobody": {}}
    for word in (FIRST, OTHER, "account"):
        signed_in = site.ask("nobody", "POST", "/sign-in", data={"key": SCOPES[word]})
        site.headers[f"{word} signed in"] = {"cookie": signed_in.headers["set-cookie"].partition(";")[0]}
    for word in (FIRST, OTHER):
        model = site.ask(word, "GET", f"/v1/trials/{word}-trial/report?format=json")
        put(site.reading.clickhouse.writer(), _frozen(word, model.content), NOW)
    site.shares |= {word: site.ask("operator", "POST", f"/v1/trials/{word}-trial/shares").json() for word in WORDS}


def text_of(answer: httpx.Response) -> str:
    """Return all that an answer says: headers, and the body as a person would open it."""
    kind, body = answer.headers.get("content-type", ""), answer.content
    if "spreadsheet" in kind and body.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(body)) as book:
            body = b"".join(book.read(name) for name in book.namelist())
    elif "parquet" in kind and body.startswith(b"PAR1"):
        body = str(pyarrow.parquet.read_table(io.BytesIO(body)).to_pylist()).encode()
    return f"{answer.headers}{body.decode('utf-8', 'replace')}".lower()


def nowhere(text: str) -> str:
    """Return an id as long as *text* that nothing has."""
    return "x" * len(text)


def told(answer: httpx.Response, text: str) -> tuple[int, Mapping[str, str], str]:
    """Return what *answer* says but for the id *text* that was asked for."""
    headers = {name: value.replace(text, "ID") for name, value in answer.headers.items()}
    if "content-encoding" in headers:
        # How long it is when packed depends on how well the id packs that a page repeats; unpacked, below, it does not.
        del headers["content-length"]
    return answer.status_code, headers, answer.text.replace(text, "ID")
