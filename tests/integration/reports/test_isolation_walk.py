"""Two startups on one street: every route is asked for everything of the other's, by whoever may ask anything.

The routes are those that the application has, so that a new one is walked too. What is another's has to be answered as
what does not exist, byte for byte, by as many questions to the store and by as much work; no answer may hold a word of
the other's; and whatever happens to the other changes no answer.
"""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar.routes import HTTPRoute
from mcp import Client

from avenue.assistants.reading import ReadingApi
from avenue.assistants.tools import assistant_server
from reports.access.sharing import shared_trial
from reports.metrics import METRICS, TranslatedText
from reports.notifications.log import FrozenReport
from reports.notifications.readings import ArmReading
from runtime.clock import ManualClock
from runtime.settings import NotificationSettings
from schemas.timing import HOUR_MS
from tests.support.isolation_street import (
    BASE,
    EVENTS,
    FIRST,
    OTHER,
    OWN,
    PARAMETER,
    SECOND,
    TWIN,
    WORDS,
    Site,
    fill,
    isolation_site,
    known,
    nowhere,
    text_of,
    told,
    transport,
)
from tests.support.live_watcher import LiveWatcher
from tests.support.notification_harness import MemoryNotificationTopic, MemoryPlatforms, notifier_of
from tests.support.reports_harness import at

pytestmark = pytest.mark.clickhouse

MONDAY = at("2026-11-23T18:30")
MINE_AND_THEIRS = [(FIRST, OTHER), (OTHER, "|".join(OWN))]
# A live stream of one's own does not end by itself.
ENDLESS = "/live"
FORMATS = {"events": ("csv", "ndjson", "parquet"), "report": ("html", "json", "xlsx")}
# What the walk knows to ask: ids in an address, questions behind a page's (the API's own are in its document), and
# what takes ids in a body, all of it behind a key of an operator or none.
PARAMETERS = {"trial_id", "report_id", "share_id", "channel_id", "token", "name", "reject_id", "delivery_id"}
QUESTIONS_OF_A_TREND = ("metric", "by", "range", "step", "compare", "lang")
PAGE_QUESTIONS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("/", "/docs/metrics", "/docs/rejects", "/docs/api", "/trials", "/avenue", "/channels"), ("lang",)),
    **dict.fromkeys(("/trials/{trial_id}/rejects", "/trials/{trial_id}/shares"), ("lang",)),
    **dict.fromkeys(("/trials/{trial_id}/trend", "/s/{token}/trend"), QUESTIONS_OF_A_TREND),
    # The whole page asks what its trend asks.
    **dict.fromkeys(("/trials/{trial_id}", "/s/{token}"), ("metric",)),
    # Two trials, each asked for beside one's own.
    "/compare": ("trial", "with", "from1", "to1", "from2", "to2"),
    "/sign-in": ("next", "lang"),
    **dict.fromkeys(("/docs/partners", "/docs/partners/{name}", "/docs/partners/pushes/{name}"), ("lang",)),
    **dict.fromkeys(("/docs/partners/event.v1.schema.json", "/docs/partners/examples/{name}"), ()),
    # An operator's own, and nothing to any other key.
    "/ops": ("lang",),
    # An account's own, and nothing to any other key.
    "/account": ("window",),
    "/account/calls": ("search", "before"),
    "/account/deliveries/{delivery_id}": ("lang",),
    "/account/rejects": ("lang",),
    # Forms' addresses, which lead back to the page that the form stands on.
    **dict.fromkeys(("/account/rejects/replay", "/account/test", "/channels/{channel_id}/test"), ("lang",)),
    "/s/{token}/live": (),
    "/static/{name}": (),
    "/openapi.json": (),
}
OPERATORS = {
    *(("POST", f"/internal/{name}") for name in ("sql", "open-rejects", "freeze", "forget")),
    *(("GET", f"/internal/{name}") for name in ("rejects", "reject-accounts", "reconcile")),
    ("GET", "/v1/ops/road"),
}
BODIES = {("POST", "/sign-in"), ("POST", "/sign-out")} | {
    ("POST", "/v1/account/rejects/replay"),
    ("POST", "/account/rejects/replay"),
    ("POST", "/account/test"),
}
ARGUMENTS = {"trial_id", "metric", "from", "to", "step", "by"}
WRONG = "?metric=x&from=x&to=x&step=x&by=x&dense=x&format=x&lang=x&as_of=x&range=x"


@pytest.fixture(scope="module")
def site(clickhouse_folder: Path | None, _store_stays_open: None) -> Iterator[Site]:
    """Return the street with both startups on it; a test that changes it leaves it as it was for those before it."""
    with isolation_site(clickhouse_folder) as found:
        yield found


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

    def compare(self, site: Site, who: str, asked: tuple[str, str], text: str, *, work: bool = True) -> httpx.Response:
        """Ask *asked* (method, address with `ID`) for *text* and for what nothing has; note where they differ.

        *work*: in what of our code runs, too; to count that takes four times as long as the answer.
        """
        ask = partial(site.cost, who, asked[0], work=work)
        theirs, none = (ask(asked[1].replace("ID", one)) for one in (text, nowhere(text)))
        self.foreign.add(text)
        self.answers += 2
        where = f"{who} {asked[0]} {asked[1]} {text}"
        if told(theirs[0], text) != told(none[0], nowhere(text)):
            self.leaks.append(f"{where}: {theirs[0].status_code}, not {none[0].status_code}, or other words")
        if theirs[1] != none[1]:
            self.leaks.append(f"{where}: {theirs[1]} questions, not {none[1]}")
        if theirs[2] != none[2]:
            self.leaks.append(f"{where}: more work: {dict((theirs[2] - none[2]) + (none[2] - theirs[2]))}")
        return theirs[0]


def addresses(template: str, own: str) -> list[str]:
    """Return *template* with `ID` for each of its ids, and with `ID` for each but the trial's, which is one's own."""
    names = PARAMETER.findall(template)
    found = [PARAMETER.sub("ID", template)]
    if len(names) > 1:
        found.append(PARAMETER.sub(lambda match: own if match[1] == "trial_id" else "ID", template))
    return found


def walk_foreign(site: Site, who: str, words: tuple[str, str], walk: Walk) -> None:
    """Ask every route that takes an id for each id of the second of *words*, and for one that nothing has; by session
    for some of them, which is as far as the two ways differ.
    """
    mine, theirs = words
    for method, template in site.routes():
        if not PARAMETER.search(template):
            continue
        walk.endpoints.add((method, template))
        for address in addresses(template, f"{mine}-trial"):
            # What is made once, such as a template, is made before anything is compared.
            site.ask(who, method, address)
            for number, text in enumerate(site.ids(theirs)[: 4 if who.endswith("signed in") else None]):
                answer = walk.compare(site, who, (method, address), text, work=number < 2)
                if theirs in text_of(answer).replace(text, "ID"):
                    walk.leaks.append(f"{who} {address} {text}: holds {theirs}")
            walk.compare(site, who, (method, f"{address}{WRONG}"), f"{theirs}-trial")


def test_what_is_anothers_is_answered_like_what_does_not_exist_on_every_route(site: Site) -> None:
    walk = Walk()
    for who, mine, theirs in ((FIRST, FIRST, OTHER), (OTHER, OTHER, SECOND), (f"{OTHER} signed in", OTHER, FIRST)):
        walk_foreign(site, who, (mine, theirs), walk)
    for method, template in site.routes():
        for who in ("account", "nobody") if PARAMETER.search(template) else ():
            for text in (f"{FIRST}-trial", f"{FIRST}-delivery"):
                walk.compare(site, who, (method, PARAMETER.sub("ID", template)), text)

    print(walk)  # noqa: T201 - the figures of the walk
    assert len(walk.endpoints) >= 20
    assert len(walk.foreign) >= 20
    assert walk.leaks == []


def test_an_account_is_told_of_itself_and_holds_no_word_of_the_others(site: Site) -> None:
    asked = [path for method, path in site.routes() if method == "GET" and path.startswith("/v1/account/")]
    asked = [path for path in asked if not path.endswith(ENDLESS)]
    own = [*asked, f"/v1/deliveries/{OTHER}-delivery", f"/v1/account/calls?search={FIRST}"]
    answers = {path: site.ask("account", "GET", path) for path in own}

    assert len(asked) >= 3
    assert {answer.status_code for answer in answers.values()} == {200}
    assert f"{OTHER}-delivery" in answers["/v1/account/calls"].text
    assert [
        path for path, answer in answers.items() if any(word in text_of(answer).replace(path, "") for word in OWN)
    ] == []
    for who in (FIRST, OTHER, f"{OTHER} signed in", "operator"):
        assert {site.ask(who, "GET", path).status_code for path in own} == {403}
    pages = ["/account", "/account/calls", f"/account/deliveries/{OTHER}-delivery", "/account/rejects"]
    shown = {path: site.ask("account signed in", "GET", path) for path in pages}
    assert {answer.status_code for answer in shown.values()} == {200}
    assert f"{OTHER}-delivery" in shown["/account/calls"].text
    assert [path for path, answer in shown.items() if any(word in text_of(answer) for word in OWN)] == []
    assert {site.ask(f"{OTHER} signed in", "GET", path).status_code for path in pages} == {404}
    walk = Walk()
    walk.compare(site, "account signed in", ("GET", "/account/deliveries/ID"), f"{FIRST}-delivery")
    assert walk.leaks == []


@contextmanager
def as_visitor(site: Site, word: str) -> Iterator[None]:
    """Let whoever asks be the visitor of *word*'s share link, on the routes of keys and sessions too."""
    shared = shared_trial(site.reading, site.token(word))
    assert shared is not None
    with pytest.MonkeyPatch.context() as patch:
        for where in ("reports.api.app", "reports.dashboard.signin", "reports.api.routes"):
            patch.setattr(f"{where}.reader_of", lambda *_: shared.reader)
        yield


def test_whoever_has_a_share_link_sees_its_trial_and_none_beside_it_however_the_link_is_taken(site: Site) -> None:
    others = (TWIN, SECOND, OTHER)
    walk = Walk()
    with as_visitor(site, FIRST):
        for method, template in site.routes():
            if template.count("{") == 1 and "{trial_id" in template:
                for word in others:
                    walk.compare(site, "nobody", (method, PARAMETER.sub("ID", template)), f"{word}-trial")
        for word in others:
            walk.compare(site, "nobody", ("GET", f"/compare?trial={FIRST}-trial&with=ID"), f"{word}-trial")
        paths = [path for path in own_addresses(site, FIRST) if "format=" not in path and "with=" not in path]
        said = {path: site.ask("nobody", "GET", path) for path in paths}

    assert walk.answers >= 60
    assert walk.leaks == []
    assert sum(answer.status_code == 200 and FIRST in text_of(answer) for answer in said.values()) >= 15
    assert [path for path, answer in said.items() if re.search("|".join(others), text_of(answer))] == []


def test_no_value_of_a_parameter_tells_whether_another_has_it(site: Site) -> None:
    document = site.ask("nobody", "GET", "/openapi.json").json()["paths"]
    asked = [
        (path, parameter["name"])
        for path, item in document.items()
        for parameter in item.get("get", {}).get("parameters", [])
        if parameter["in"] == "query"
    ] + [(path, name) for path, names in PAGE_QUESTIONS.items() for name in names]
    own = {"with": f"trial={FIRST}-trial&", "trial": f"with={FIRST}-trial&"}
    walk = Walk()

    for path in {path for path, _ in asked}:
        # What is kept of a first answer is kept before anything is compared.
        site.ask_own(FIRST, own_address(site, FIRST, path))
    for path, name in asked:
        who = FIRST if path.startswith("/v1/") else f"{FIRST} signed in"
        walk.compare(
            site, who, ("GET", f"{own_address(site, FIRST, path)}?{own.get(name, '')}{name}=ID"), f"{OTHER}-trial"
        )

    assert len(asked) >= 35
    assert walk.leaks == []


def own_address(site: Site, word: str, template: str) -> str:
    """Return *template* with *word*'s own ids."""
    own = {"trial_id": f"{word}-trial", "token": site.token(word), "report_id": f"{word}-report"}
    return PARAMETER.sub(lambda match: own.get(match[1], "ID"), template)


def own_addresses(site: Site, word: str) -> list[str]:
    """Return every address that is read, with the startup's own ids and in every form."""
    found = []
    for method, template in site.routes():
        path = own_address(site, word, template)
        if method != "GET" or (method, template) in OPERATORS or template.endswith(ENDLESS) or "ID" in path:
            continue
        forms = FORMATS.get(template.rsplit("/", 1)[1], ("",))
        found += [f"{path}?format={form}" if form else path for form in forms]
    second = SECOND if word == FIRST else word
    beside = [
        f"/compare?trial={word}-trial&with={second}-trial",
        f"/v1/trials/{word}-trial/comparison?with={second}-trial",
    ]
    return [*found, *beside]


@pytest.mark.parametrize(("word", "foreign"), MINE_AND_THEIRS)
def test_no_answer_of_a_startups_own_holds_a_word_of_the_others(site: Site, word: str, foreign: str) -> None:
    said = {path: site.ask_own(word, path) for path in own_addresses(site, word)}

    assert sum(answer.status_code == 200 for answer in said.values()) >= 22
    assert sum(word in text_of(answer) for answer in said.values()) >= 17
    assert [path for path, answer in said.items() if answer.status_code >= 500] == []
    assert [path for path, answer in said.items() if re.search(foreign, text_of(answer))] == []


def test_a_new_route_that_the_walk_does_not_know_how_to_ask_is_named(site: Site) -> None:
    routes = set(site.routes())
    pages = {path for method, path in routes - OPERATORS if method == "GET" and not path.startswith("/v1/")}

    assert {type(route) for route in site.app.routes} == {HTTPRoute}
    assert {name for _, path in routes for name in PARAMETER.findall(path)} == PARAMETERS
    assert pages - {"/internal/rejects/{reject_id}"} == set(PAGE_QUESTIONS)
    assert {one for one in routes if one[0] != "GET" and not PARAMETER.search(one[1])} == BODIES | {
        one for one in OPERATORS if one[0] != "GET"
    }


def test_what_is_for_operators_is_refused_alike_whatever_is_asked_for(site: Site) -> None:
    said = {
        (method, path, who): [
            site.ask(who, method, f"{path}?account={account}&trial={trial}")
            for account, trial in ((f"{OTHER}-account", f"{OTHER}-trial"), (nowhere("account"), nowhere("trial")))
        ]
        for method, path in sorted(OPERATORS)
        for who in (FIRST, f"{FIRST} signed in", "account", "nobody")
    }

    assert len(said) == 32
    assert {answer.status_code for pair in said.values() for answer in pair} == {401, 403}
    assert [asked for asked, (theirs, none) in said.items() if told(theirs, "-") != told(none, "-")] == []


def test_a_share_link_holds_no_word_of_another_trial_of_the_same_startup_either(site: Site) -> None:
    paths = [
        f"/s/{site.token(FIRST)}{tail}{query}"
        for tail in ("", "/trend")
        for query in ("", "?metric=events&by=placement&lang=zh")
    ]

    said = [site.ask("nobody", "GET", path) for path in paths]

    assert [answer.status_code for answer in said] == [200] * 4
    assert all(FIRST in text_of(answer) for answer in said[:2])
    foreign = re.compile("|".join(set(WORDS) - {FIRST}))
    assert [path for path, answer in zip(paths, said, strict=True) if foreign.search(text_of(answer))] == []


async def test_live_counts_are_of_the_trial_alone_by_key_session_and_link(site: Site) -> None:
    ways = [
        (FIRST, FIRST, f"/v1/trials/{FIRST}-trial/live"),
        (TWIN, FIRST, f"/v1/trials/{TWIN}-trial/live"),
        (FIRST, f"{FIRST} signed in", f"/v1/trials/{FIRST}-trial/live"),
        (FIRST, "nobody", f"/s/{site.token(FIRST)}/live"),
        (OTHER, OTHER, f"/v1/trials/{OTHER}-trial/live"),
    ]
    found = []
    for _, who, path in ways:
        watching = LiveWatcher(site.app, path, site.headers[who])
        found.append(await watching.counts())
        await watching.leave()

    assert [(one["trial"], one["events"]) for one in found] == [(f"{word}-trial", 4 * EVENTS) for word, _, _ in ways]
    foreign = [set(WORDS) - {word} for word, _, _ in ways]
    assert [one for one, words in zip(found, foreign, strict=True) if re.search("|".join(words), str(one))] == []


def test_no_answer_to_a_key_a_session_or_a_link_is_kept_by_a_cache(site: Site) -> None:
    """Nor is one reader's answer another's: the same addresses, asked by turns, give each the answer of before."""
    shared = [path for path in own_addresses(site, FIRST) if FIRST not in path and site.token(FIRST) not in path]
    paths = [path for path in shared if not path.startswith("/docs/") and path not in {"/openapi.json", "/v1/metrics"}]
    turns = [{(who, path): site.ask_own(who, path) for path in paths for who in (FIRST, OTHER)} for _ in range(2)]
    trials = [path for path in own_addresses(site, FIRST) if FIRST in path and "/report?" not in path]
    private = [*turns[0].values(), *(site.ask_own(FIRST, path) for path in trials)]

    assert len(paths) >= 8
    assert {asked: text_of(answer) for asked, answer in turns[0].items()} == {
        asked: text_of(answer) for asked, answer in turns[1].items()
    }
    assert len(private) >= 25
    kept = [str(answer.url) for answer in private if "no-store" not in answer.headers.get("cache-control", "")]
    assert kept == []
    assert [
        str(answer.url) for answer in private if "etag" in answer.headers or "last-modified" in answer.headers
    ] == []


async def assistants_answers(site: Site, who: str, trial_ids: tuple[str, ...]) -> dict[tuple[str, str], str]:
    """Return what each tool tells *who*, by tool and trial; of lists the trial is ''."""
    headers, found = site.headers[who], {}
    async with (
        httpx.AsyncClient(transport=transport(site.app), base_url=BASE, headers=headers) as api,
        Client(assistant_server(ReadingApi(api))) as client,
    ):
        for tool in (await client.list_tools()).tools:
            arguments = set(tool.input_schema.get("properties", {}))
            assert arguments <= ARGUMENTS, f"{tool.name} asks for what the walk does not know"
            for trial_id in trial_ids if "trial_id" in arguments else ("",):
                asked = {"trial_id": trial_id} if trial_id else {}
                found[tool.name, trial_id] = str(await client.call_tool(tool.name, asked))
    return found


@pytest.mark.parametrize(("word", "foreign"), MINE_AND_THEIRS)
def test_assistants_are_told_what_their_key_is_and_not_a_word_more(site: Site, word: str, foreign: str) -> None:
    mine, other = f"{word}-trial", OTHER if word == FIRST else FIRST
    theirs = site.ids(other)
    found = asyncio.run(assistants_answers(site, word, (mine, *theirs, *map(nowhere, theirs))))

    tools = {tool for tool, trial_id in found if trial_id == mine}
    assert len(tools) >= 5
    assert [tool for tool in tools if "is_error=False" not in found[tool, mine]] == []
    assert sum(word in found[tool, mine] for tool in tools) >= 4
    unlike = [
        (tool, text)
        for tool in tools
        for text in theirs
        if found[tool, text].replace(text, "ID") != found[tool, nowhere(text)].replace(nowhere(text), "ID")
    ]
    assert unlike == []
    said = [(tool, text) for (tool, text), answer in found.items() if text in {"", mine} and re.search(foreign, answer)]
    assert said == []


def judged(_context: Any, trial_id: str) -> tuple[ArmReading, ...]:
    """Return readings that name their trial: a verdict, and a guardrail that was harmed."""
    said = TranslatedText(trial_id, trial_id)
    texts = dict.fromkeys(("arm_name", "estimate", "lift", "lift_interval", "verdict", "days"), said)
    return (
        ArmReading(
            "success_rate", "primary", "pilot", "good", compared=True, name=METRICS["success_rate"].name, **texts
        ),
        ArmReading(
            "refund_rate", "guardrail", "pilot", "bad", compared=True, name=METRICS["refund_rate"].name, **texts
        ),
    )


def messages(site: Site) -> dict[str, list[tuple[str, str]]]:
    """Return what each channel is told on a Monday evening on which nobody has reported for a day: kinds and words."""
    platforms, topic, clock = MemoryPlatforms(), MemoryNotificationTopic(), ManualClock(MONDAY)
    topic.frozen += [FrozenReport(f"{word}-trial", f"{word}-report", MONDAY - HOUR_MS) for word in WORDS]
    settings = site.reading.settings.model_copy(update={"notification": NotificationSettings(start_s=0, queue=100)})
    service = replace(site.reading, settings=settings, clock=clock)
    site.world.mark_complete(MONDAY - 12_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reports.notifications.pending.readings", judged)
        notifier_of(service, topic, platforms, {"ADDRESS": "json://127.0.0.1:9/a"}, clock).look()
    found: dict[str, list[tuple[str, str]]] = {}
    for _, message in platforms.took:
        said = f"{message.trial_id} {message.title} {message.body} {message.link}"
        found.setdefault(message.channel_id, []).append((message.kind, said))
    return found


def test_digests_and_alerts_hold_no_word_of_what_their_channel_is_not_for(site: Site) -> None:
    found = messages(site)

    allowed = {FIRST: OWN, TWIN: (TWIN,), SECOND: (SECOND,), OTHER: (OTHER,)}
    assert {channel: len(said) for channel, said in found.items()} == {
        f"{word}-channel": 1 + 4 * len(own) for word, own in allowed.items()
    }
    assert {kind for said in found.values() for kind, _ in said} == {
        *("digest", "trial_silent", "guardrail_harmed", "verdict_reached", "report_frozen")
    }
    leaks = [
        (word, kind, foreign)
        for word, own in allowed.items()
        for kind, text in found[f"{word}-channel"]
        for foreign in set(WORDS) - set(own)
        # A product is named by its startup's word, and two trials are of one.
        if foreign in text.replace(f"{FIRST} name" if word == TWIN else " name", "")
    ]
    assert leaks == []


def everything(site: Site, word: str) -> dict[str, str]:
    """Return all that *word*'s startup, its link's visitors, its assistants and its channels are told."""
    # The report's other forms are of one model with its JSON.
    paths = [path for path in own_addresses(site, word) if not path.endswith(("=html", "=xlsx"))]
    answers = {path: text_of(site.ask_own(word, path)) for path in paths}
    tools = asyncio.run(assistants_answers(site, word, (f"{word}-trial",)))
    told_by = {f"channel: {n}": f"{kind} {said}" for n, (kind, said) in enumerate(messages(site)[f"{word}-channel"])}
    return answers | {f"tool: {tool}": answer for (tool, _), answer in tools.items()} | told_by


def test_whatever_happens_to_one_startup_changes_no_byte_of_what_the_other_is_told(site: Site) -> None:
    """Not a count, a time, a mark on the street, nor the order of a list: so there is nothing to infer either."""
    before = everything(site, FIRST)

    fill(site.world, OTHER, often=5)
    site.world.directory = known(more_of_other=True)
    fill(site.world, "bauxite", often=2)
    after = everything(site, FIRST)
    theirs = site.ask_own(OTHER, "/trials")

    assert len(before) >= 40
    assert {where for where in before if before[where] != after.get(where)} == set()
    assert "bauxite" in text_of(theirs)
