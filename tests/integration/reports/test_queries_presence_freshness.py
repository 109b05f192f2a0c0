"""Freshness, uptime, coverage, now, funnel, map and health over rows in the store."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from reports.queries.avenue_map import avenue_map
from reports.queries.freshness import freshness, rejected_of_many
from reports.queries.funnel import funnel
from reports.queries.health import health
from reports.queries.live import live_counts
from reports.queries.model import Interval, SeriesQuestion, TotalsQuestion
from reports.queries.presence import ledger, presences
from reports.queries.readout import readout
from reports.queries.rejects import trial_rejects
from reports.queries.series import series
from reports.queries.totals import totals
from reports.scope import Reader
from runtime.clickhouse import ClickHouse
from schemas.lines import StoredEvent
from schemas.topics import Topic, partition_of
from tests.support.memory_gateway import memory_gateway
from tests.support.readout_harness import told
from tests.support.reports_harness import (
    DAY,
    HOUR,
    NOW,
    PARTITIONS,
    START,
    World,
    at,
    cells_of,
    directory,
    event,
)

pytestmark = pytest.mark.clickhouse

WHOLE = Interval(START, START + 3 * DAY)
SOURCE = {"epoch": 1, "partition": partition_of("neuro-band", PARTITIONS)}
CALMWAVE = Reader("k", "startup:calmwave", "calmwave")
LIMBUS = Reader("k", "startup:limbus", "limbus")


@pytest.fixture
def world(clickhouse: ClickHouse) -> World:
    return World(clickhouse)


def put(world: World, events: list[StoredEvent]) -> None:
    world.store(events)
    world.live(cells_of(events))


def sink_at(world: World, offset: int, *, watermark: int, to_end: int = 0) -> None:
    world.insert(
        "sink_sources",
        [
            {
                "topic": "pilot-events.v1",
                **SOURCE,
                "next_offset": offset,
                "watermark_at": watermark / 1000,
                "read_to_end_at": to_end / 1000,
            }
        ],
    )


def worker_at(world: World, offset: int, *, watermark: int) -> None:
    world.insert("worker_sources", [{**SOURCE, "version": offset, "next_offset": offset, "watermark_ms": watermark}])


def test_nothing_is_fresh_before_anything_came(world: World) -> None:
    found = freshness(world.context(), "neuro", WHOLE)

    assert (found.as_of_ms, found.lag_s, found.rejected, found.flagged_windows) == (None, None, 0, 0)


def test_an_idle_source_is_complete_up_to_when_it_was_read_to_its_end(world: World) -> None:
    sink_at(world, 7, watermark=NOW - 3 * HOUR, to_end=NOW - 4000)
    worker_at(world, 7, watermark=NOW - 3 * HOUR)

    assert freshness(world.context(), "neuro", WHOLE).lag_s == 4.0


def test_a_worker_behind_makes_numbers_as_old_as_the_first_record_it_has_not_counted(world: World) -> None:
    sink_at(world, 9, watermark=NOW - 1000)
    worker_at(world, 7, watermark=NOW - 3 * HOUR)
    record: dict[str, Any] = {"topic": "pilot-events.v1", **SOURCE, "account_id": "a", "lines": 1}
    world.insert(
        "log_records",
        [
            {**record, "offset": offset, "stamped_at": (NOW - ago) / 1000}
            for offset, ago in ((6, 3 * HOUR), (7, 60_000), (8, 1000))
        ],
    )

    assert freshness(world.context(), "neuro", WHOLE).lag_s == pytest.approx(60.001)


def reject(
    n: int, payload: dict[str, Any], *, account: str = "sunmi-main", received: int = NOW, reason: str = "invalid_value"
) -> dict[str, Any]:
    """Return a kept reject as the sink stores it; *payload* as the gateway redacts it."""
    return {
        "reject_id": f"r-{n}",
        "account_id": account,
        "platform": account.partition("-")[0],
        "flow": "events",
        "reason": reason,
        "payload": json.dumps(payload),
        "received_ms": received,
    }


def of_event(**fields: Any) -> dict[str, Any]:
    """Return the kept payload of an event that could be read."""
    return {"event": {"event_id": "e", "kind": "interaction", **fields}}


def of_message(occurred_ms: int = NOW, **keys: str) -> dict[str, Any]:
    """Return the kept payload of a native message, with the keys that its platform matches a placement by."""
    return {"event": {"occurred_at": occurred_ms}, "match": [keys], "message": {}}


def matched(world: World, **accounts: Any) -> None:
    """Let the street's devices have keys; *accounts* are the lists of accounts and placements to change."""
    placements = [p.model_dump(by_alias=True) for p in world.directory.placements.values()]
    for placement, sn in zip(placements, ("N1", "N2", "", "E9"), strict=True):
        placement["match"] = {"sn": sn} if sn else {}
    world.directory = directory(placements=placements, **accounts)


def test_a_reject_is_told_to_whom_it_names_and_to_nobody_else(world: World) -> None:
    matched(world)
    own = [
        reject(1, of_event(product_id="neuro-band")),
        reject(1, of_event(product_id="neuro-band")),
        reject(2, {"product_id": "neuro-band", "kind": {"type": "number"}}, reason="malformed"),
        reject(3, of_event(placement_id="p-1"), reason="occurred_at_in_future"),
        reject(4, of_event(product_id="neuro-band", placement_id="p-404"), reason="unknown_placement"),
        reject(5, of_message(sn="N1"), reason="outside_trial"),
    ]
    foreign = [
        reject(6, of_event(product_id="emg-arm")),
        reject(7, of_event(placement_id="p-9"), account="douyin-main"),
        reject(8, of_message(sn="E9"), account="douyin-main"),
        reject(9, of_event(product_id="neuro-band", placement_id="p-9")),
        reject(10, of_event(product_id="neuro-band"), account="stranger"),
        reject(11, of_event(product_id="neuro-band"), received=START - DAY),
    ]
    # An account that sends for two startups: whose these are, nobody can tell.
    nobodys = [
        reject(12, {"bytes": 7, "sha256": "00"}, reason="malformed"),
        reject(13, of_message(sn="NEW"), reason="unknown_placement"),
        reject(14, of_event(product_id="nuero-band"), reason="unknown_product"),
    ]
    world.insert("pilot_rejects", [*own, *foreign, *nobodys])

    long_before = Interval(START - 30 * DAY, START + 3 * DAY)
    found = trial_rejects(world.context(), "neuro", long_before)

    assert {one.reason: one.count for one in found} == {
        "invalid_value": 1,
        "malformed": 1,
        "occurred_at_in_future": 1,
        "outside_trial": 1,
        "unknown_placement": 1,
    }
    assert sorted(sample.reject_id for one in found for sample in one.samples) == ["r-1", "r-2", "r-3", "r-4", "r-5"]
    assert freshness(world.context(), "emg", long_before).rejected == 3
    told_once(world)


async def test_what_a_reject_names_is_read_as_the_gateway_keeps_it(world: World) -> None:
    registry = world.directory.registry
    assert registry is not None
    refused = [
        {"event_id": "e-1", "kind": "interaction", "occurred_at": "2020-01-01T00:00:00+08:00", "placement_id": "p-1"},
        {
            "event_id": "e-2",
            "kind": "rating.given",
            "occurred_at": "2026-11-22T12:00:00+08:00",
            "product_id": "emg-arm",
        },
        {"event_id": "e-3", "kind": 7, "occurred_at": "2026-11-22T12:00:00+08:00", "product_id": "neuro-band"},
    ]
    async with memory_gateway(registry, "sunmi-main", now_ms=NOW) as gateway:
        answer = await gateway.push(json.dumps(refused).encode())
    kept = gateway.log.lines(Topic.REJECTS)
    world.insert("pilot_rejects", kept)

    assert answer.json()["rejected"] == 3
    assert freshness(world.context(), "neuro", Interval(START, NOW + 1)).rejected == 2
    assert freshness(world.context(), "emg", Interval(START, NOW + 1)).rejected == 1


def told_once(world: World) -> None:
    """Hold the list of trials to what each trial says of itself."""
    trials = dict.fromkeys(world.directory.trials, WHOLE)
    each = {trial_id: freshness(world.context(), trial_id, WHOLE).rejected for trial_id in trials}
    assert rejected_of_many(world.context(), trials) == each
    assert rejected_of_many(world.context(), {}) == {}


def test_what_a_replay_has_made_an_event_of_is_no_reject_any_more(world: World) -> None:
    world.insert("pilot_rejects", [reject(7, of_event(placement_id="p-1")), reject(8, of_event(placement_id="p-1"))])
    # The seventh became an event; the eighth was tried, and rejected again.
    world.insert(
        "pilot_deliveries",
        [
            {
                "delivery_id": "d-replay",
                "account_id": "sunmi-main",
                "received_ms": NOW,
                "answered_ms": NOW,
                "replay": True,
                "replays": [["r-7", "accepted", ""], ["r-8", "rejected", "outside_trial"]],
            }
        ],
    )

    (found,) = trial_rejects(world.context(), "neuro", WHOLE)

    assert (found.count, [sample.reject_id for sample in found.samples]) == (1, ["r-8"])


def test_what_names_nothing_known_is_told_where_its_account_sends_for_one_startup_only(world: World) -> None:
    accounts = [
        {"id": "sunmi-main", "platform": "sunmi", "products": ["neuro-band"]},
        {"id": "douyin-main", "platform": "douyin"},
    ]
    matched(world, accounts=accounts)
    world.insert(
        "pilot_rejects",
        [
            reject(1, {"bytes": 7, "sha256": "00"}, reason="malformed"),
            reject(2, of_message(sn="NEW"), reason="unknown_placement"),
            reject(3, of_message(sn="NEW"), account="douyin-main", reason="unknown_placement"),
        ],
    )

    found = {one.reason: one.count for one in trial_rejects(world.context(), "neuro", WHOLE)}

    assert found == {"malformed": 1, "unknown_placement": 1}
    assert freshness(world.context(), "emg", WHOLE).rejected == 0
    told_once(world)


def test_a_device_that_was_handed_over_rejects_for_whoever_had_it_then(world: World) -> None:
    handed = START + DAY
    registry = world.directory.registry
    assert registry is not None
    first, *others = [p.model_dump(by_alias=True) for p in registry.placements]
    moment = datetime.fromtimestamp(handed / 1000, UTC)
    placements = [
        {**first, "match": {"sn": "N1"}, "until": moment},
        *others[:2],
        {**others[2], "account": "sunmi-main", "match": {"sn": "N1"}, "from": moment},
    ]
    world.directory = directory(placements=placements)
    world.insert(
        "pilot_rejects",
        [
            reject(1, of_message(handed - HOUR, sn="N1"), reason="consent_withdrawn"),
            reject(2, of_message(handed + HOUR, sn="N1"), reason="consent_withdrawn"),
            reject(3, of_message(handed + 2 * HOUR, sn="N1"), reason="consent_withdrawn"),
            reject(4, of_message(handed - 30 * DAY, sn="N1"), reason="occurred_at_too_old"),
        ],
    )

    assert freshness(world.context(), "neuro", WHOLE).rejected == 1
    assert freshness(world.context(), "emg", WHOLE).rejected == 2
    told_once(world)


def test_a_sample_shows_no_pseudonym_and_of_each_reason_the_newest(world: World) -> None:
    kept = {**of_event(placement_id="p-1", subject_hash="5" * 32), "message": {"session_hash": "6" * 32, "flow": "x"}}
    world.insert("pilot_rejects", [reject(n, kept, received=NOW - n * HOUR) for n in range(1, 6)])

    (found,) = trial_rejects(world.context(), "neuro", WHOLE)

    assert (found.count, [sample.reject_id for sample in found.samples]) == (5, ["r-1", "r-2", "r-3"])
    assert found.samples[0].payload == {
        "event": {"event_id": "e", "kind": "interaction", "placement_id": "p-1", "subject_hash": "(hashed)"},
        "message": {"session_hash": "(hashed)", "flow": "x"},
    }


def test_blocks_that_wait_or_differ_are_flagged(world: World) -> None:
    quiet, touched, differing = (event(n, occurred_ms=START + n * HOUR) for n in range(3))
    world.store([quiet, touched, differing])
    world.settle(cells_of([quiet]))
    world.settle(cells_of([touched]), rows=0)
    world.settle(cells_of([differing]), unexplained=1)

    found = freshness(world.context(), "neuro", WHOLE)

    assert found.flagged_windows == 2
    assert [(b.start_ms, b.reason) for b in found.flagged] == [
        (START + HOUR, "waiting"),
        (START + 2 * HOUR, "unexplained"),
    ]


def device(n: int, kind: str, when: str, placement: str = "p-1") -> StoredEvent:
    arm = "baseline" if placement == "p-2" else "pilot"
    return event(n, kind=f"device.{kind}", occurred_ms=at(f"2026-11-20T{when}"), placement_id=placement, arm=arm)


def test_uptime_is_due_time_between_online_and_offline_less_long_silences(world: World) -> None:
    # p-1 (heartbeat 1 h): on 10:00, alive until 10:50, silent until 13:00, on again until its offline at 13:30.
    kinds = ["online", "reported", "reported", "offline", "reported"]
    times = ["10:00", "10:50", "13:00", "13:30", "13:40"]
    put(world, [device(n, kind, when) for n, (kind, when) in enumerate(zip(kinds, times, strict=True))])

    (total,) = totals(
        world.context(), TotalsQuestion("neuro", ("uptime",), Interval(START, START + DAY), by=("placement",))
    )

    assert total.by == {"placement": "p-1"}
    assert total.value == pytest.approx((50 + 30) / (24 * 60))
    assert total.n == 24 * 60


def test_uptime_asks_only_for_opening_hours_and_knows_what_was_on_before(world: World) -> None:
    # p-2 opens 09:00 to 21:30 and has no heartbeat: on since 08:00, off at 15:30, on again the next morning.
    put(world, [device(0, "online", "08:00", "p-2"), device(1, "offline", "15:30", "p-2")])
    afternoon = Interval(at("2026-11-20T15:00"), at("2026-11-20T22:00"))

    found = {p.placement_id: p for p in presences(world.context(), "neuro", afternoon)}

    assert (found["p-2"].up_ms, found["p-2"].due_ms) == (HOUR // 2, 6.5 * HOUR)
    assert found["p-1"].up_ms is None


def test_coverage_counts_due_hours_with_an_event_and_not_the_hour_that_runs(world: World) -> None:
    put(
        world,
        [
            event(n, occurred_ms=at(f"2026-11-22T{when}"), placement_id="p-2", arm="baseline")
            for n, when in enumerate(["08:30", "09:30", "11:10", "12:01"])
        ],
    )
    today = Interval(at("2026-11-22T00:00"), NOW + HOUR)

    (total,) = totals(world.context(), TotalsQuestion("neuro", ("coverage",), today, by=("arm",)))[:1]
    hours = [(h.hour_ms, h.events) for h in ledger(world.context(), "neuro", today) if h.placement_id == "p-2"]

    assert total.by == {"arm": "baseline"}
    assert total.value == pytest.approx(2 / 3)
    assert total.n == 3
    assert hours == [(at(f"2026-11-22T{h}:00"), n) for h, n in (("09", 1), ("10", 0), ("11", 1))]


def test_coverage_over_time_shows_each_hour_by_placement(world: World) -> None:
    put(world, [event(0, occurred_ms=at("2026-11-20T10:05"))])
    question = SeriesQuestion(
        "neuro", ("coverage",), Interval(at("2026-11-20T10:00"), at("2026-11-20T12:00")), by="placement"
    )

    (found,) = series(world.context(), question)

    assert {line.by["placement"]: [p.value for p in line.points] for line in found.lines} == {
        "p-1": [1, 0],
        "p-2": [0, 0],
        "p-3": [0, 0],
    }


def test_now_counts_the_last_minutes_and_the_latest_event(world: World) -> None:
    events = [event(n, occurred_ms=NOW - n * 60_000, subject=f"{n % 3 + 1:016x}{0:016x}") for n in range(30)]
    put(world, events)

    found = live_counts(world.context(), "neuro", 15)

    assert (found.events, found.subjects, found.last_ms) == (15, 3, NOW)
    assert [p.value for p in found.minutes] == [1] * 15
    assert [(k.kind, k.events, k.last_ms) for k in found.kinds] == [("exposure", 15, NOW)]


def test_now_of_a_trial_without_events_is_nothing(world: World) -> None:
    found = live_counts(world.context(), "emg")

    assert (found.events, found.subjects, found.last_ms) == (0, 0, None)


def test_the_funnel_follows_each_person_in_order(world: World) -> None:
    ways = {
        "a": ["exposure", "use.started", "use.completed", "order.paid"],
        "b": ["exposure", "use.started", "use.completed"],
        "c": ["use.started", "exposure"],
        "d": ["exposure"],
        "": ["exposure", "use.started"],
    }
    events = []
    for n, (who, kinds) in enumerate(ways.items()):
        for step, kind in enumerate(kinds):
            fields = {"outcome": "ok"} if kind == "use.completed" else {}
            events.append(
                event(n * 10 + step, kind=kind, subject=who, occurred_ms=START + n * HOUR + step * 1000, **fields)
            )
    world.store(events)

    (found,) = funnel(world.context(), "neuro", WHOLE)

    assert [(s.events, s.subjects) for s in found.steps] == [(5, 4), (4, 2), (2, 2), (1, 1)]
    assert [s.share for s in found.steps] == [None, 0.5, 1.0, 0.5]


def test_the_map_shows_own_places_and_hides_the_others(world: World) -> None:
    put(world, [event(0, occurred_ms=NOW - 60_000), event(1, occurred_ms=NOW - 5 * HOUR, placement_id="p-3")])

    own = {p.placement_id: (p.state, p.events) for p in avenue_map(world.context(), CALMWAVE).places}
    other = avenue_map(world.context(), LIMBUS).places

    assert own == {"p-1": ("reporting", 1), "p-2": ("silent", 0), "p-3": ("silent", 1), "": ("occupied", 0)}
    assert [(p.state, p.product_id, p.trial_id, p.events) for p in other if p.metre < 40] == [
        ("occupied", "", "", 0)
    ] * 3


@pytest.mark.parametrize(("quiet_h", "state"), [(1.5, "reporting"), (3, "reporting"), (6, "silent")])
def test_the_map_calls_a_place_silent_by_its_own_rhythm(world: World, quiet_h: float, state: str) -> None:
    """One event an hour: three hours without one are chance, six are not."""
    last = NOW - round(quiet_h * HOUR)
    times = range(last, START, -HOUR)
    put(world, [event(n, occurred_ms=when, placement_id="p-3") for n, when in enumerate(times)])

    assert len(times) > 45
    assert {p.placement_id: p.state for p in avenue_map(world.context(), CALMWAVE).places}["p-3"] == state


def test_the_map_counts_silence_while_doors_are_open(world: World) -> None:
    # p-2 is open from 9:00 to 21:30: at 9:01 nobody has been silent since the evening.
    put(world, [event(0, occurred_ms=at("2026-11-21T21:10"), placement_id="p-2", arm="baseline")])
    opening, later = at("2026-11-22T09:01"), at("2026-11-22T10:01")

    states = [
        {p.placement_id: p.state for p in avenue_map(world.context(now_ms=now), CALMWAVE).places}["p-2"]
        for now in (opening, later)
    ]

    assert states == ["reporting", "silent"]


def test_the_health_list_gives_a_reason_for_each_line(world: World) -> None:
    waiting = health(world.context(), "neuro")
    put(world, [event(0, occurred_ms=NOW - 60_000)])
    arriving = health(world.context(), "neuro")

    assert (waiting[0].state, arriving[0].state) == ("unknown", "good")
    assert [line.check for line in arriving] == [
        "arriving",
        "units",
        "silent",
        "balance",
        "coverage",
        "placements",
        "blocks",
        "flagged",
    ]
    assert all(told(line) and told(line, "zh") for line in arriving)


def test_as_of_a_moment_the_health_list_says_the_same_when_more_has_come_since(world: World) -> None:
    put(world, [event(n, occurred_ms=NOW - 3 * HOUR - n * HOUR) for n in range(40)])
    then = health(world.context(), "neuro")
    put(world, [event(100 + n, occurred_ms=NOW + 60_000 + n * 1000) for n in range(5)])

    assert then[0].numbers["last_ms"] == NOW - 3 * HOUR
    assert health(world.context(), "neuro") == then
    assert health(world.context(now_ms=NOW + 120_000), "neuro")[0].numbers["last_ms"] == NOW + 64_000


def test_the_readout_leaves_out_the_baseline_period_and_what_has_no_arm(world: World) -> None:
    world.store([event(0, arm=""), event(1, occurred_ms=START - HOUR, arm="pilot"), event(2)])

    found = readout(world.context(), "neuro", ("exposures",))

    assert {row.arm: row.n for row in found.rows} == {"baseline": 0, "pilot": 1}
