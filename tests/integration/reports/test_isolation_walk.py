"""Two startups on one street: every route is asked for everything of the other's, by whoever may ask anything.

The routes are those that the application has, so that a new one is walked too. What is another's has to be answered as
what does not exist, byte for byte and by as many questions to the store; and no answer may hold a word of the other's.
"""

import hashlib
import io
import re
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pyarrow.parquet
import pytest
from litestar.routes import HTTPRoute
from litestar.testing import TestClient

from avenue.serve.application import litestar_application
from registry.directory import Directory
from reports.api.live import counts
from reports.queries.context import QueryContext
from reports.service import ReadService
from runtime.clickhouse import ClickHouse
from runtime.clock import ManualClock
from runtime.settings import ReportSettings, Settings
from schemas.registry import AccessKey, Registry
from sinks.clickhouse.migrate import migrate
from tests.support.clickhouse_fixtures import clickhouse_settings
from tests.support.reports_harness import NOW, START, World, cells_of, directory, event

pytestmark = pytest.mark.clickhouse

Client = TestClient[Any]
# Each startup's own word stands in everything that is its own; `amethyst` in a second trial of the first.
FIRST, SECOND, OTHER = "ambrosia", "amethyst", "basalt"
EVENTS = 12
PARAMETER = re.compile(r"\{(\w+)[^}]*\}")
# Of a shared link or a stored file the name in the address is what opens it; a live stream of one's own does not end.
ENDLESS = "/live"
FORMATS = {"events": ("csv", "ndjson", "parquet"), "report": ("html", "json", "xlsx")}
FORM = {"origin": "http://testserver.local"}


def registry() -> Registry:
    """Return a street with two startups: trials, placements and an account of each, and an account that both share."""

    def text(word: str) -> dict[str, str]:
        return {"zh": f"{word}-名", "en": f"{word} name"}

    def product(word: str, startup: str) -> dict[str, Any]:
        return {"id": f"{word}-product", "startup": f"{startup}-startup", "name": text(word)}

    def trial(word: str) -> dict[str, Any]:
        times = {"starts": "2026-11-20T00:00:00+08:00", "ends": "2026-12-20T00:00:00+08:00"}
        about = {"hypothesis": text(word), "primary_metric": "success_rate", "arms": ["baseline", "pilot"]}
        return {"id": f"{word}-trial", "product": f"{word}-product", **times, **about}

    def placement(word: str, metre: float, account: str) -> dict[str, Any]:
        times = {"from": "2026-11-20T00:00:00+08:00", "until": "2026-12-20T00:00:00+08:00"}
        spot = {"metre": metre, "side": "north", "place": f"{word}-place", "zone": f"{word} zone"}
        key = {"account": account, "match": {"sn": f"{word}-{account}-sn"}}
        return {"id": f"{word}-{account}-at", "trial": f"{word}-trial", "arm": "pilot", **times, **spot, **key}

    words = (FIRST, SECOND, OTHER)
    return Registry.model_validate(
        {
            "demo": True,
            "avenue": {"id": "street", "name": {"zh": "街", "en": "street"}, "length_m": 200},
            "startups": [{"id": f"{word}-startup", "name": text(word)} for word in (FIRST, OTHER)],
            "products": [product(FIRST, FIRST), product(SECOND, FIRST), product(OTHER, OTHER)],
            "trials": [trial(word) for word in words],
            "accounts": [
                *({"id": f"{word}-account", "platform": "sunmi"} for word in (FIRST, OTHER)),
                {"id": "common", "platform": "sunmi"},
            ],
            "placements": [
                *(placement(word, metre, "common") for word, metre in zip(words, (10, 20, 30), strict=True)),
                placement(FIRST, 10, f"{FIRST}-account"),
                placement(OTHER, 30, f"{OTHER}-account"),
            ],
            "channels": [
                {"id": f"{word}-channel", "startup": f"{word}-startup", "address": "env:NOWHERE"}
                for word in (FIRST, OTHER)
            ],
        }
    )


SCOPES = {
    FIRST: f"startup:{FIRST}-startup",
    OTHER: f"startup:{OTHER}-startup",
    "account": f"account:{OTHER}-account",
    "operator": "operator",
}


def known() -> Directory:
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
    base = directory()
    return Directory(version=1, registry=registry(), keys={k.sha256: k for k in keys}, epochs=base.epochs)


def fill(world: World) -> None:
    """Let the same happen to each trial: events, orders, ratings, and rejects of an own and of the shared account."""
    for word in (FIRST, SECOND, OTHER):
        events = [
            event(
                n,
                event_id=f"{word}-event-{n}",
                product_id=f"{word}-product",
                trial_id=f"{word}-trial",
                placement_id=f"{word}-common-at",
                account_id="common",
                kind=kind,
                outcome="ok" if kind == "use.completed" else "",
                amount_fen=1990 if kind.startswith("order") else None,
                subject=hashlib.blake2b(f"{word}{n % 3}".encode(), digest_size=16).hexdigest(),
                attributes=msgspec.Raw(f'{{"scene":"{word} scene"}}'.encode()),
                occurred_ms=NOW - n * 60_000,
            )
            for n in range(EVENTS)
            for kind in ("exposure", "use.started", "use.completed", "order.paid")
        ]
        world.store(events)
        world.live(cells_of(events))
        own = FIRST if word == SECOND else word
        world.insert(
            "pilot_rejects",
            [
                {
                    "reject_id": f"{word}-reject-{account}",
                    "account_id": account,
                    "platform": "sunmi",
                    "flow": "events",
                    "reason": "invalid_value",
                    "field": "arm",
                    "message": f"{word} message",
                    "received_ms": NOW - 60_000,
                    "payload": f'{{"product_id":"{word}-product","event_id":"{word}-event-x"}}',
                }
                for account in ("common", f"{own}-account")
            ],
        )


@dataclass
class Site:
    """The application over that street, who asks it, and how often it asked the store."""

    reading: ReadService
    clients: dict[str, Client]
    shares: dict[str, dict[str, str]] = field(default_factory=dict)
    questions: list[int] = field(default_factory=lambda: [0])

    def routes(self) -> list[tuple[str, str]]:
        """Return each method and path that the application has, as it writes them."""
        app = litestar_application(self.reading.settings, self.reading.directory, read_service=self.reading)
        return sorted(
            (method, route.path_format)
            for route in app.routes
            if isinstance(route, HTTPRoute)
            for method in set(route.route_handler_map) - {"OPTIONS", "HEAD"}
        )

    def ids(self, word: str) -> tuple[str, ...]:
        """Return an id of everything that is the startup's of *word*."""
        places = ("trial", "product", "startup", "account", "channel", "place", "common-at", "event-1", "reject-common")
        share = self.shares[word]
        return (*(f"{word}-{sort}" for sort in places), f"k-startup-{word}-startup", share["id"])

    def ask_own(self, word: str, path: str) -> tuple[httpx.Response, int]:
        """Ask for *path* as the startup does: programs by key, people signed in."""
        return self.ask(word if path.startswith("/v1/") else f"{word} signed in", "GET", path)

    def ask(self, who: str, method: str, path: str) -> tuple[httpx.Response, int]:
        """Return the answer, and how many questions it cost the store."""
        before = self.questions[0]
        json = {"days": 7} if method == "POST" and path.startswith("/v1/") else None
        answer = self.clients[who].request(method, path, json=json, headers=FORM if method != "GET" else None)
        return answer, self.questions[0] - before


@pytest.fixture(scope="module")
def site(clickhouse_folder: Path | None, _store_stays_open: None) -> Iterator[Site]:
    """Return the street with both startups on it; nothing of this module changes it."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    store = ClickHouse(clickhouse_settings(name), path=clickhouse_folder)
    migrate(store)
    world = World(store, directory=known())
    fill(world)
    settings = Settings(report=ReportSettings(queries=1))
    reading = ReadService(store, lambda: world.directory, settings, ManualClock(NOW), session_secret=b"s" * 32)
    questions, rows = [0], QueryContext.rows

    def counted(self: QueryContext, *asked: Any, **parts: Any) -> Any:
        questions[0] += 1
        return rows(self, *asked, **parts)

    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setattr(QueryContext, "rows", counted)
        yield Site(reading, _clients(reading, stack), _shares(reading, stack), questions)
    reading.close()
    store.writer().command(f"DROP DATABASE IF EXISTS {name}")
    store.close()


def _client(reading: ReadService, stack: ExitStack, headers: Mapping[str, str]) -> Client:
    app = litestar_application(reading.settings, reading.directory, read_service=reading)
    found: Client = stack.enter_context(TestClient(app, raise_server_exceptions=False))
    found.headers.update({"accept": "text/html, */*;q=0.5", "accept-language": "en", **headers})
    found.follow_redirects = False
    return found


def _clients(reading: ReadService, stack: ExitStack) -> dict[str, Client]:
    found = {who: _client(reading, stack, {"authorization": f"Bearer {scope}"}) for who, scope in SCOPES.items()} | {
        "nobody": _client(reading, stack, {})
    }
    for word in (FIRST, OTHER):
        found[f"{word} signed in"] = _client(reading, stack, {})
        found[f"{word} signed in"].post("/sign-in", data={"key": SCOPES[word]}, headers=FORM)
    return found


def _shares(reading: ReadService, stack: ExitStack) -> dict[str, dict[str, str]]:
    maker = _client(reading, stack, {"authorization": f"Bearer {SCOPES['operator']}"})
    return {
        word: maker.post(f"/v1/trials/{word}-trial/shares", json={"days": 7}).json() for word in (FIRST, SECOND, OTHER)
    }


def text_of(answer: httpx.Response) -> str:
    """Return all that an answer says: headers, and the body as a person would open it."""
    kind, body = answer.headers.get("content-type", ""), answer.content
    if "spreadsheet" in kind:
        with zipfile.ZipFile(io.BytesIO(body)) as book:
            body = b"".join(book.read(name) for name in book.namelist())
    elif "parquet" in kind:
        body = str(pyarrow.parquet.read_table(io.BytesIO(body)).to_pylist()).encode()
    return f"{answer.headers}{body.decode('utf-8', 'replace')}".lower()


def nowhere(text: str) -> str:
    """Return an id as long as *text* that nothing has."""
    return ("x" * len(text))[: len(text)]


def same(theirs: tuple[httpx.Response, int], none: tuple[httpx.Response, int], ids: tuple[str, str]) -> bool:
    """Tell whether two answers differ by nothing but the id that was asked for."""

    def told(answer: httpx.Response, text: str) -> tuple[int, dict[str, str], str]:
        headers = {name: value.replace(text, "ID") for name, value in answer.headers.items()}
        return answer.status_code, headers, answer.text.replace(text, "ID")

    return told(theirs[0], ids[0]) == told(none[0], ids[1]) and theirs[1] == none[1]


@dataclass
class Walk:
    """What was asked, and what was told that must not be."""

    endpoints: set[tuple[str, str]] = field(default_factory=set)
    foreign: set[str] = field(default_factory=set)
    answers: int = 0
    leaks: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"isolation walk: {len(self.endpoints)} endpoints x {len(self.foreign)} foreign ids, "
            f"{self.answers} answers, leaks {len(self.leaks)}"
        )


def walk_foreign(site: Site, who: str, ids: tuple[str, ...], word: str, walk: Walk) -> None:
    """Ask every route that takes an id for each of *ids*, and for one that nothing has."""
    for method, template in site.routes():
        if not PARAMETER.search(template):
            continue
        walk.endpoints.add((method, template))
        for text in ids:
            walk.foreign.add(text)
            theirs, none = (site.ask(who, method, PARAMETER.sub(one, template)) for one in (text, nowhere(text)))
            walk.answers += 2
            if not same(theirs, none, (text, nowhere(text))):
                walk.leaks.append(f"{who} {method} {template} {text}: {theirs[0].status_code} {none[0].status_code}")
            if word in text_of(theirs[0]).replace(text, "ID"):
                walk.leaks.append(f"{who} {method} {template} {text}: holds {word}")


def test_what_is_anothers_is_answered_like_what_does_not_exist_on_every_route(site: Site) -> None:
    walk = Walk()
    for who, word in ((FIRST, OTHER), (OTHER, FIRST)):
        walk_foreign(site, who, site.ids(word), word, walk)
    for who in ("account", "nobody", f"{OTHER} signed in"):
        walk_foreign(site, who, site.ids(FIRST)[:3], FIRST, walk)

    print(walk)  # noqa: T201 - the figures of the walk
    assert len(walk.endpoints) >= 20
    assert len(walk.foreign) >= 20
    assert walk.leaks == []


def with_value(path: str, name: str, text: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}{name}={text}"


def test_no_value_of_a_parameter_tells_whether_another_has_it(site: Site) -> None:
    document = site.clients["nobody"].get("/openapi.json").json()["paths"]
    asked = [
        (path.replace("{trial_id}", f"{FIRST}-trial"), parameter["name"])
        for path, item in document.items()
        for parameter in item.get("get", {}).get("parameters", [])
        if parameter["in"] == "query"
    ] + [(f"/trials/{FIRST}-trial/trend", name) for name in ("metric", "by", "range", "step")]
    asked += [
        ("/compare", "trial"),
        (f"/compare?trial={FIRST}-trial", "with"),
        (f"/compare?with={FIRST}-trial", "trial"),
    ]

    different = [
        f"{path} {name}={text}"
        for path, name in asked
        for text in site.ids(OTHER)[:3]
        if not same(
            site.ask_own(FIRST, with_value(path, name, text)),
            site.ask_own(FIRST, with_value(path, name, nowhere(text))),
            (text, nowhere(text)),
        )
    ]

    assert len(asked) >= 12
    assert different == []


def own_addresses(site: Site, word: str) -> list[str]:
    """Return every address that is read, with the startup's own ids and in every form."""
    own = {"trial_id": f"{word}-trial", "token": site.shares[word]["url"].rsplit("/", 1)[1]}
    found = []
    for method, template in site.routes():
        names = PARAMETER.findall(template)
        if method != "GET" or template.endswith(ENDLESS) or not set(names) <= set(own):
            continue
        path = PARAMETER.sub(lambda match: own[match[1]], template)
        forms = FORMATS.get(template.rsplit("/", 1)[1], ("",))
        found += [f"{path}?format={form}" if form else path for form in forms]
    return found


@pytest.mark.parametrize(("word", "foreign"), [(FIRST, OTHER), (OTHER, f"{FIRST}|{SECOND}")])
def test_no_answer_of_a_startups_own_holds_a_word_of_the_others(site: Site, word: str, foreign: str) -> None:
    told = {path: site.ask_own(word, path)[0] for path in own_addresses(site, word)}

    assert sum(answer.status_code == 200 for answer in told.values()) >= 20
    assert sum(word in text_of(answer) for answer in told.values()) >= 15
    assert [path for path, answer in told.items() if answer.status_code >= 500] == []
    assert [path for path, answer in told.items() if re.search(foreign, text_of(answer))] == []


def test_a_share_link_holds_no_word_of_another_trial_of_the_same_startup_either(site: Site) -> None:
    nobody, token = site.clients["nobody"], site.shares[FIRST]["url"].rsplit("/", 1)[1]
    paths = [
        f"/s/{token}{tail}{query}" for tail in ("", "/trend") for query in ("", "?metric=events&by=placement&lang=zh")
    ]

    told = [nobody.get(path) for path in paths]

    assert [answer.status_code for answer in told] == [200] * 4
    assert all(FIRST in text_of(answer) for answer in told[:2])
    assert [
        path for path, answer in zip(paths, told, strict=True) if re.search(f"{SECOND}|{OTHER}", text_of(answer))
    ] == []
    asked = {(method, path) for method, path in site.routes() if path.startswith("/s/")}
    assert asked == {("GET", "/s/{token}"), ("GET", "/s/{token}/live"), ("GET", "/s/{token}/trend")}


def test_the_live_counts_are_of_the_trial_alone(site: Site) -> None:
    told = {word: counts(site.reading.context(), f"{word}-trial").decode() for word in (FIRST, OTHER)}

    found = {word: msgspec.json.decode(text)["events"] for word, text in told.items()}
    assert found == {FIRST: 4 * EVENTS, OTHER: 4 * EVENTS}
    assert OTHER not in told[FIRST]
    assert FIRST not in told[OTHER]
