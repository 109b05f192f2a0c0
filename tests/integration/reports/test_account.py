"""What a partner is told of its own account: from pushes at the gateway to the answers of the API, on a real store."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient

from avenue.serve.application import http_application
from avenue.serve.operations import list_rejects
from avenue.serve.watched_road import WatchedRoad
from registry.directory import Directory
from reports.access.replays import AccountReplays, ReplayUnderWayError
from reports.access.road_checks import RoadLook
from reports.presentation.formats import LocaleFormatter
from reports.presentation.language import translator
from reports.service import ReadService
from runtime.clickhouse import ClickHouse
from runtime.clock import ManualClock
from runtime.kafka import LogRecord
from runtime.settings import Settings
from schemas.road_check import RoadAnswer
from schemas.topics import Topic
from sinks.consumer.rows import rows_of
from sinks.consumer.writer import ClickHouseRowWriter
from sinks.settlement.corrected_rejects import CorrectedRejects
from tests.support.memory_gateway import MemoryGateway, memory_gateway
from tests.support.reports_harness import HOUR, KEYS, NOW, World
from tests.support.stored_pushes import push_and_store, store

pytestmark = [pytest.mark.clickhouse, pytest.mark.asyncio]
Client = TestClient[Any]
ACCOUNT = {"authorization": f"Bearer {KEYS['account:sunmi-main']}"}
STARTUP = {"authorization": f"Bearer {KEYS['startup:calmwave']}"}
PATHS = ("/v1/account/overview", "/v1/account/calls", "/v1/account/rejects", "/v1/deliveries/d-1")


@pytest.fixture
def world(clickhouse: ClickHouse) -> World:
    return World(clickhouse, now_ms=NOW + 1000)


@pytest.fixture
def client(world: World) -> Iterator[Client]:
    service = ReadService(world.clickhouse, lambda: world.directory, Settings(), ManualClock(NOW + 1000))
    app = http_application(Settings(), service.directory, read_service=service)
    with TestClient(app, raise_server_exceptions=False) as made:
        yield made
    service.close()


def sent(event_id: str, **change: Any) -> dict[str, Any]:
    at = datetime.fromtimestamp(NOW / 1000, UTC) - timedelta(seconds=change.pop("ago_s", 10))
    event = {"event_id": event_id, "kind": "exposure", "occurred_at": at.isoformat(), "placement_id": "p-1"}
    return {**event, "subject": "wang-xiaoming", **change}


async def pushed(world: World, *batches: list[dict[str, Any]], account: str = "sunmi-main") -> list[str]:
    """Push *batches* and let them be stored; return their deliveries."""
    return await push_and_store(world.clickhouse, world.directory, account, batches, now_ms=NOW)


BATCH = [
    sent("e-1"),
    sent("e-2", ago_s=600, attributes={"scene": "café"}),
    sent("e-1"),
    sent("e-3", placement_id="p-nowhere"),
    sent("e-4", attributes={"phone": "13912345678"}),
]


async def test_the_overview_counts_each_event_once_from_receipt_to_the_readers(world: World, client: Client) -> None:
    await pushed(world, BATCH)

    found = client.get("/v1/account/overview?window=5m", headers=ACCOUNT).json()

    assert found["now"] == {
        "requests": 1, "received": 5, "accepted": 2, "duplicate": 1, "rejected": 2, "visible": 2, "refused_requests": 1,
    }  # fmt: skip
    assert set(found["before"].values()) == {0}
    assert found["reasons"] == [
        {"reason": "personal_data", "now": 1, "before": 0},
        {"reason": "unknown_placement", "now": 1, "before": 0},
    ]
    assert [(one["reason"], one["field"], one["open"]) for one in found["rejects"]] == [
        ("personal_data", "attributes.phone", 1),
        ("unknown_placement", "placement_id", 1),
    ]
    assert [(one["status"], one["requests"]) for one in found["refused"]] == [(401, 1)]
    card = found["scorecard"]
    assert (card["on_time_share"], card["lag_s_max"], card["rejected_share"]) == (0.5, 600.0, 0.4)
    assert [flow["flow"] for flow in card["flows"]] == ["events"]
    assert found["freshness"].keys() >= {"as_of", "lag_s", "rejected", "flagged_windows"}
    assert found["freshness"]["rejected"] == 2
    assert "wang-xiaoming" not in json.dumps(found)


async def test_a_window_is_held_against_the_same_time_before_it(world: World, client: Client) -> None:
    registry = world.directory.registry
    assert registry is not None
    for ago_ms, event_id in ((0, "now"), (6 * 60_000, "then")):
        async with memory_gateway(registry, "sunmi-main", now_ms=NOW - ago_ms) as gateway:
            await gateway.push(json.dumps([sent(event_id, ago_s=700)]).encode())
            store(world.clickhouse, gateway)

    found = client.get("/v1/account/overview?window=5m", headers=ACCOUNT).json()

    assert [(found[one]["received"], found[one]["visible"]) for one in ("now", "before")] == [(1, 1), (1, 1)]
    hour = client.get("/v1/account/overview?window=1h", headers=ACCOUNT).json()
    assert (hour["now"]["received"], hour["before"]["received"]) == (2, 0)
    assert client.get("/v1/account/overview?window=2h", headers=ACCOUNT).status_code == 400


async def test_a_delivery_is_told_hop_by_hop_and_event_by_event(world: World, client: Client) -> None:
    (delivery,) = await pushed(world, BATCH)

    before = client.get(f"/v1/deliveries/{delivery}", headers=ACCOUNT).json()
    world.offset = 100
    world.mark_complete(NOW)
    after = client.get(f"/v1/deliveries/{delivery}", headers=ACCOUNT).json()

    names = ["received", "validated", "acknowledged", "stored", "counted", "visible"]
    assert [hop["hop"] for hop in after["hops"]] == names
    assert [bool(hop["at"]) for hop in before["hops"]] == [True, True, True, True, False, False]
    assert not before["complete"]
    assert after["complete"]
    assert [hop["events"] for hop in after["hops"]] == [5, 5, 2, 2, 2, 2]
    times = [hop["after_ms"] for hop in after["hops"]]
    assert times[0] == 0
    assert times == sorted(times)
    verdicts = [(one["event_id"], one["verdict"], one["reason"], one["field"]) for one in after["events"]]
    assert sorted(verdicts) == [
        ("e-1", "accepted", "", ""),
        ("e-1", "duplicate", "", ""),
        ("e-2", "accepted", "", ""),
        ("e-3", "rejected", "unknown_placement", "placement_id"),
        ("e-4", "rejected", "personal_data", "attributes.phone"),
    ]
    assert after["listed_all"]
    assert after["call"]["sent"][1]["attributes"] == {"scene": "café"}
    assert "wang-xiaoming" not in json.dumps(after)


async def test_when_a_delivery_was_counted_is_not_told_by_what_was_counted_days_later(
    world: World, client: Client
) -> None:
    (delivery,) = await pushed(world, BATCH)
    writer = world.clickhouse.writer()
    days = "INSERT INTO counted_steps SELECT epoch, partition, max(offset) + {0}, max(inserted_at) + INTERVAL {1} DAY FROM pilot_events GROUP BY epoch, partition"
    writer.command(days.format(1, 0))
    writer.command(days.format(50, 8))
    world.offset = 100
    world.mark_complete(NOW)
    writer.command("ALTER TABLE counted_steps DELETE WHERE next_offset = 100 SETTINGS mutations_sync = 2")
    known = client.get(f"/v1/deliveries/{delivery}", headers=ACCOUNT).json()

    # As the retention of calls leaves it.
    writer.command("ALTER TABLE counted_steps DELETE WHERE next_offset < 50 SETTINGS mutations_sync = 2")
    left = client.get(f"/v1/deliveries/{delivery}", headers=ACCOUNT).json()

    assert [(hop["reached"], bool(hop["at"])) for hop in known["hops"]] == [(True, True)] * 6
    assert [(hop["reached"], bool(hop["at"])) for hop in left["hops"]] == [*[(True, True)] * 4, *[(True, False)] * 2]
    assert known["complete"]
    assert left["complete"]
    assert [hop["events"] for hop in left["hops"]] == [5, 5, 2, 2, 2, 2]


async def test_anothers_delivery_is_answered_like_one_that_does_not_exist(world: World, client: Client) -> None:
    (theirs,) = await pushed(world, [sent("e-9", placement_id="p-3")], account="douyin-main")

    answers = [client.get(f"/v1/deliveries/{one}", headers=ACCOUNT) for one in (theirs, theirs[:-1] + "x")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content
    assert client.get("/v1/account/calls", headers=ACCOUNT).json()["calls"] == []
    assert client.get("/v1/account/overview", headers=ACCOUNT).json()["now"]["received"] == 0


async def test_a_startups_or_an_operators_key_opens_no_account_and_an_accounts_key_no_trial(client: Client) -> None:
    for scope in ("startup:calmwave", "programme", "operator"):
        headers = {"authorization": f"Bearer {KEYS[scope]}"}
        assert [client.get(path, headers=headers).status_code for path in PATHS] == [403] * 4
    assert [client.get(path).status_code for path in PATHS] == [401] * 4
    assert client.get("/v1/trials/neuro", headers=ACCOUNT).status_code == 403


async def test_calls_are_told_newest_first_page_by_page_and_found_by_what_they_hold(
    world: World, client: Client
) -> None:
    deliveries = await pushed(world, [sent("e-1")], [sent("e-2", placement_id="p-nowhere")], [sent("e-1")])

    first = client.get("/v1/account/calls?limit=2", headers=ACCOUNT).json()
    rest = client.get(f"/v1/account/calls?limit=50&before={first['next_before']}", headers=ACCOUNT).json()

    told = [*first["calls"], *rest["calls"]]
    assert sorted(one["delivery_id"] for one in told if one["status"] == 200) == sorted(deliveries)
    assert [one["delivery_id"] for one in told] == sorted((one["delivery_id"] for one in told), reverse=True)
    assert rest["next_before"] == ""
    by_id = {one["delivery_id"]: one for one in told}
    assert by_id[deliveries[1]]["others"][0]["reason"] == "unknown_placement"
    assert by_id[deliveries[0]]["call"]["method"] == "POST"
    found = {
        search: {
            one["delivery_id"]
            for one in client.get(f"/v1/account/calls?search={search}", headers=ACCOUNT).json()["calls"]
        }
        for search in ("e-2", "unknown_placement", "401", deliveries[2], "P-NOWHERE", "nothing-like-it")
    }
    assert found["e-2"] == found["unknown_placement"] == found["P-NOWHERE"] == {deliveries[1]}
    # A delivery's id may have a 401 in it by chance.
    assert len(found["401"] - set(deliveries)) == 1
    assert (found[deliveries[2]], found["nothing-like-it"]) == ({deliveries[2]}, set())


async def test_an_id_that_comes_again_for_something_else_is_a_conflict(world: World, client: Client) -> None:
    first = await pushed(world, [sent("e-1", ago_s=4000), sent("e-2")])
    # Another gateway, which does not remember the first.
    second = await pushed(world, [sent("e-1"), sent("e-2")])

    found = client.get("/v1/account/overview?window=1h", headers=ACCOUNT).json()["conflicts"]

    assert [one["event_id"] for one in found] == ["e-1"]
    assert sorted(event["delivery_id"] for event in found[0]["events"]) == sorted([*first, *second])


async def test_an_id_used_again_for_something_else_in_the_same_millisecond_is_a_conflict_too(
    world: World, client: Client
) -> None:
    first = await pushed(world, [sent("e-1", ago_s=4000), sent("e-2", ago_s=4000), sent("e-3")])
    again = sent("e-1", ago_s=4000, attributes={"scene": "café"})
    # Two other gateways, neither of which remembers the first; the second of them has it in the first one's words.
    second = await pushed(world, [again, sent("e-2", ago_s=4000), sent("e-3")])
    await pushed(world, [sent("e-1", ago_s=4000), again])
    world.clickhouse.writer().command("OPTIMIZE TABLE pilot_events FINAL")

    overview = client.get("/v1/account/overview?window=1h", headers=ACCOUNT).json()

    assert overview["now"]["visible"] == 3
    (found,) = overview["conflicts"]
    assert found["event_id"] == "e-1"
    assert [(event["delivery_id"], event["counted"]) for event in found["events"]] == [
        (*first, True),
        (*second, False),
    ]
    assert len({event["occurred_at"] for event in found["events"]}) == 1


async def test_when_each_secret_and_key_was_last_used_is_told_and_no_secret(world: World, client: Client) -> None:
    registry = world.directory.registry
    assert registry is not None
    secrets = {"callback": ["env:NEW_ONE", "plain:the-old-one"]}
    accounts = [one.model_copy(update={"secrets": secrets}) for one in registry.accounts if one.id == "sunmi-main"]
    others = [one for one in registry.accounts if one.id != "sunmi-main"]
    world.directory = replace(world.directory, registry=registry.model_copy(update={"accounts": [*accounts, *others]}))
    key = key_id(world, "account:sunmi-main")
    hour_ms = NOW - NOW % HOUR
    uses = {
        "used:secret:sunmi-main/callback/env:NEW_ONE": hour_ms,
        "used:secret:sunmi-mainland/callback/env:NEW_ONE": hour_ms,
        f"used:{key}": hour_ms - HOUR,
        f"used:{key_id(world, 'operator')}": hour_ms,
    }
    writer = ClickHouseRowWriter(world.clickhouse, timeout_s=30)
    for offset, (name, ms) in enumerate(uses.items()):
        record = LogRecord(Topic.REGISTRY, 0, offset, NOW, name.encode(), str(ms).encode(), {})
        writer.write(rows_of(Topic.REGISTRY, record, 1)[0], token="")

    answer = client.get("/v1/account/overview?window=1h", headers=ACCOUNT)

    told = [
        (one["credential"], one["flow"], one["name"], one["last_used_hour"]) for one in answer.json()["credentials"]
    ]
    assert told == [
        ("secret", "callback", "2", "2026-11-22T12:00:00+08:00"),
        ("secret", "callback", "1", None),
        ("key", "", key, "2026-11-22T11:00:00+08:00"),
    ]
    assert "the-old-one" not in answer.text
    assert "NEW_ONE" not in answer.text


async def test_a_thousand_rejects_of_an_unregistered_place_are_counted_once_however_often_they_are_replayed(
    world: World,
) -> None:
    await pushed(world, [sent(f"e-{n}", placement_id="p-new") for n in range(1000)])
    registered = with_place(world, "p-new")
    async with replaying(world, registered) as (client, gateway):
        tried = await client.post("/v1/account/rejects/replay", json={}, headers=ACCOUNT)
        assert gateway.log.lines(Topic.EVENTS) == []
        replay = {"dry_run": False, "reason": "unknown_placement"}
        first = await client.post("/v1/account/rejects/replay", json=replay, headers=ACCOUNT)
        second = await client.post("/v1/account/rejects/replay", json=replay, headers=ACCOUNT)
        store(world.clickhouse, gateway)
        third = await client.post("/v1/account/rejects/replay", json=replay, headers=ACCOUNT)
        rejects = (await client.get("/v1/account/rejects", headers=ACCOUNT)).json()

    counts = [answer.json()["counts"] for answer in (tried, first, second, third)]
    assert counts == [{"accepted": 1000}, {"accepted": 1000}, {"duplicate": 1000}, {}]
    assert tried.json()["dry_run"]
    events = world.clickhouse.reader().query("SELECT count(), uniqExact(event_id) FROM events").result_rows
    assert tuple(events[0]) == (1000, 1000)
    (group,) = rejects["rejects"]
    assert (group["count"], group["open"], group["samples"][0]["closed"]) == (1000, 0, "accepted")
    assert sum(one["accepted"] for one in rejects["replays"]) == 1000
    assert {one["asked_by"] for one in rejects["replays"]} == {key_id(world, "account:sunmi-main")}


async def test_a_corrected_event_under_the_same_id_closes_its_reject_and_none_besides(world: World) -> None:
    (refused,) = await pushed(world, [sent("e-1", placement_id="p-nowhere"), sent("e-2", placement_id="p-nowhere")])
    (corrected,) = await pushed(world, [sent("e-1"), sent("e-3")])
    closing = CorrectedRejects(world.clickhouse, ManualClock(NOW + 1000))
    for _ in range(2):
        closing.close()

    async with replaying(world, world.directory) as (client, _):
        found = (await client.get("/v1/account/rejects", headers=ACCOUNT)).json()["rejects"]
        tried = (await client.post("/v1/account/rejects/replay", json={}, headers=ACCOUNT)).json()

    (group,) = found
    assert (group["count"], group["open"]) == (2, 1)
    closed = {one["event_id"]: (one["delivery_id"], one["closed"], one["closed_by"]) for one in group["samples"]}
    assert closed == {"e-1": (refused, "corrected", corrected), "e-2": (refused, None, "")}
    assert [one["event_id"] for one in tried["results"]] == ["e-2"]
    listed = {one["reject_id"]: one["closed_by"] for one in list_rejects(world.clickhouse, account="sunmi-main")}
    assert sorted(listed.values()) == ["", corrected]


async def test_a_replay_without_a_gateway_or_beside_another_says_so(world: World, client: Client) -> None:
    alone = client.post("/v1/account/rejects/replay", json={}, headers=ACCOUNT)
    unknown = client.post("/v1/account/rejects/replay", json={"dry": True}, headers=ACCOUNT)
    foreign = client.post("/v1/account/rejects/replay", json={}, headers=STARTUP)
    loose = [
        client.post("/v1/account/rejects/replay", json=body, headers=ACCOUNT)
        for body in ({"dry_run": 0}, {"dry_run": "false"}, {"limit": "5"}, {"limit": 0}, {"limit": 5.5})
    ]
    whole = client.post("/v1/account/rejects/replay", json={"limit": 5.0}, headers=ACCOUNT)

    assert [alone.status_code, unknown.status_code, foreign.status_code] == [503, 400, 403]
    assert whole.status_code == alone.status_code
    assert [answer.status_code for answer in loose] == [400] * 5
    assert "dry_run" in loose[0].json()["detail"]
    assert "avenue rejects replay" in alone.json()["detail"]
    replays = AccountReplays()
    under_way = replays.one_of("sunmi-main")
    with replays.one_of("sunmi-main"), replays.one_of("douyin-main"), pytest.raises(ReplayUnderWayError):
        under_way.__enter__()
    with replays.one_of("sunmi-main"):
        pass


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_the_pages_tell_the_same_to_the_account_that_is_signed_in(
    world: World, client: Client, lang: str
) -> None:
    (delivery,) = await pushed(world, BATCH)
    key = KEYS["account:sunmi-main"]
    signed_in = client.post("/sign-in", data={"key": key, "next": "/trials"}, follow_redirects=False)
    pages = {
        path: client.get(f"{path}{'&' if '?' in path else '?'}lang={lang}")
        for path in (
            "/account?window=5m",
            "/account/calls",
            "/account/calls?search=e-3",
            f"/account/deliveries/{delivery}",
            "/account/rejects",
        )
    }

    assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/account")
    assert {path: answer.status_code for path, answer in pages.items()} == dict.fromkeys(pages, 200)
    for path, answer in pages.items():
        assert "wang-xiaoming" not in answer.text, path
        assert KEYS["account:sunmi-main"] not in answer.text
        assert "13912345678" not in answer.text
    assert delivery in pages["/account/calls?search=e-3"].text
    assert "unknown_placement" in pages["/account?window=5m"].text
    assert pages[f"/account/deliveries/{delivery}"].text.count('<tr><th scope="row">') == 11
    assert client.get("/account/deliveries/d-nowhere").status_code == 404
    assert client.get("/trials").status_code == 404
    assert client.get("/", follow_redirects=False).headers["location"] == "/account"


async def test_a_replay_from_the_page_is_tried_first_and_asked_for_by_no_other_site(world: World) -> None:
    await pushed(world, [sent("e-1", placement_id="p-new"), sent("e-2", placement_id="p-new")])
    form = {"reason": "unknown_placement", "field": "placement_id"}
    async with replaying(world, with_place(world, "p-new")) as (client, gateway):
        own = {"origin": "http://reads", "accept-language": "en"}
        await client.post("/sign-in", data={"key": KEYS["account:sunmi-main"]}, headers=own)
        foreign = await client.post("/account/rejects/replay", data=form, headers={"origin": "http://elsewhere"})
        tried = await client.post("/account/rejects/replay", data=form, headers=own)
        assert gateway.log.lines(Topic.EVENTS) == []
        done = await client.post("/account/rejects/replay", data={**form, "really": "yes"}, headers=own)
        store(world.clickhouse, gateway)
        after = await client.get("/account/rejects", headers=own)

    assert (foreign.status_code, tried.status_code, done.status_code) == (403, 200, 200)
    assert "2 become events" in tried.text
    assert 'name="really"' in tried.text
    assert "Replayed: 2 become events" in done.text
    assert "2 kept, 0 open" in after.text
    assert "a replay made an event of it" in after.text


@dataclass(frozen=True)
class RoadIsQuick:
    """The gateway's side of test events, where sink and worker have done their part before the store is looked at."""

    world: World
    gateway: MemoryGateway

    async def check(self, account_id: str, look: RoadLook) -> RoadAnswer:
        """Send a test event and let it be stored and counted."""

        async def after_them(account: str, delivery: str) -> Any:
            store(self.world.clickhouse, self.gateway)
            self.world.offset = 100
            self.world.mark_complete(NOW)
            return await look(account, delivery)

        return await WatchedRoad(self.gateway.tester).check(account_id, after_them)


@pytest.mark.parametrize(
    ("lang", "told"),
    [
        ("en", "The test event came through every step. It is in no trial&#39;s numbers."),
        ("zh", "测试事件已通过每一步，不计入任何试验。"),
    ],
)
async def test_the_button_sends_a_test_event_and_tells_the_hops_as_its_delivery_does(
    world: World, lang: str, told: str
) -> None:
    own = {"origin": "http://reads", "accept-language": lang}
    async with replaying(world, world.directory, road_is_quick=True) as (client, gateway):
        await client.post("/sign-in", data={"key": KEYS["account:sunmi-main"]}, headers=own)
        button = await client.get("/account", headers=own)
        foreign = await client.post("/account/test", headers={"origin": "http://elsewhere"})
        assert gateway.log.lines(Topic.EVENTS) == []
        pressed = await client.post("/account/test?window=1h", headers=own)
        delivery = re.findall(r"/account/deliveries/(d-[^\"]+)", pressed.text)[0]
        way = (await client.get(f"/v1/deliveries/{delivery}", headers=ACCOUNT)).json()
        page = await client.get(f"/account/deliveries/{delivery}", headers=own)
        back = await client.get(f"/account/test?lang={lang}", headers=own)

    assert 'action="/account/test?window=24h"' in button.text
    assert (foreign.status_code, pressed.status_code) == (403, 200)
    assert told in pressed.text, way["hops"]
    assert way["complete"]
    assert way["flow"] == "test"
    hops = {hop["hop"]: hop["after_ms"] for hop in way["hops"]}
    formats = LocaleFormatter(translator("zh" if lang == "zh" else "en"))
    for hop in ("received", "stored", "counted"):
        for shown in (pressed.text, page.text):
            assert f'<td class="num">{formats.duration(hops[hop])}</td>' in shown, hop
    assert (back.status_code, back.headers["location"]) == (303, f"/account?lang={lang}")


async def test_a_button_without_a_gateway_or_a_place_says_so_and_sends_nothing(world: World, client: Client) -> None:
    own = {"origin": "http://testserver.local", "accept-language": "en"}
    client.post("/sign-in", data={"key": KEYS["account:sunmi-main"]}, headers=own)
    alone = client.post("/account/test", headers=own)
    registry = world.directory.registry
    assert registry is not None
    bare = registry.model_copy(
        update={"placements": [], "accounts": [a.model_copy(update={"products": None}) for a in registry.accounts]}
    )
    directory = Directory(version=2, registry=bare, keys=world.directory.keys, epochs=world.directory.epochs)
    async with replaying(world, directory) as (beside, gateway):
        own["origin"] = "http://reads"
        await beside.post("/sign-in", data={"key": KEYS["account:sunmi-main"]}, headers=own)
        nowhere = await beside.post("/account/test", headers=own)
        assert gateway.log.lines(Topic.EVENTS) == []

    assert "This server has no gateway beside it" in alone.text
    assert "has to be in the registry" in nowhere.text


async def test_the_address_of_every_form_leads_back_to_its_page(client: Client) -> None:
    routes = {
        route.path_format: set(route.route_handler_map)
        for route in client.app.routes
        if "{path" not in route.path_format and hasattr(route, "route_handler_map")
    }
    forms = {
        path for path, methods in routes.items() if "POST" in methods and not path.startswith(("/v1/", "/internal/"))
    }

    assert {"/account/test", "/account/rejects/replay", "/channels/{channel_id}/test"} <= forms
    # These two show nothing themselves.
    assert {path for path in forms if "GET" not in routes[path]} == {
        "/sign-out",
        "/trials/{trial_id}/shares/{share_id}/end",
    }
    for path in ("/account/test", "/account/rejects/replay"):
        answer = client.get(f"{path}?lang=zh", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{path.rpartition('/')[0]}?lang=zh")


def with_place(world: World, place: str) -> Directory:
    """Return the street with one place more, of the account."""
    registry = world.directory.registry
    assert registry is not None
    first = next(one for one in registry.placements if one.id == "p-1")
    added = first.model_copy(update={"id": place, "metre": 25.0})
    street = registry.model_copy(update={"placements": [*registry.placements, added]})
    return Directory(version=2, registry=street, keys=world.directory.keys, epochs=world.directory.epochs)


def key_id(world: World, scope: str) -> str:
    return next(key.id for key in world.directory.keys.values() if key.scope == scope)


@asynccontextmanager
async def replaying(
    world: World, directory: Directory, *, road_is_quick: bool = False
) -> AsyncIterator[tuple[httpx.AsyncClient, MemoryGateway]]:
    """Give a client of the reading API with a gateway beside it."""
    assert directory.registry is not None
    async with memory_gateway(directory.registry, "sunmi-main", now_ms=NOW) as gateway:
        clock = ManualClock(NOW + 1000)
        road = RoadIsQuick(world, gateway) if road_is_quick else WatchedRoad(gateway.tester, wait_s=0.1)
        service = ReadService(
            world.clickhouse, lambda: directory, Settings(), clock, replayer=gateway.replayer, road=road
        )
        app = http_application(Settings(), service.directory, read_service=service)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://reads") as client:
            yield client, gateway
        service.close()
