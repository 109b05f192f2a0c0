"""The readout of a frozen report is computed a second time from its extract, in every design and with all that is left
out of it: the road and the verification share statistics and definitions, and must still say the same.
"""

import random
import re
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from reports.frozen.events import read_events
from reports.frozen.registry_snapshot import registry_snapshot
from reports.trial_report.content import gather
from reports.trial_report.data import report_json
from reports.verification.check import figures_of
from reports.verification.extract import ExtractFile, ExtractMetadata
from reports.verification.leaves import Leaf, leaves, same
from reports.verification.stated import stated_reason
from runtime.clickhouse import ClickHouse
from schemas.lines import StoredEvent
from schemas.topics import Topic, partition_of
from tests.support.readout_harness import TRIAL, Standing, events_of, side_by_side, street, switching
from tests.support.reports_harness import DAY, HOUR, PARTITIONS, START, World, cells_of, event

pytestmark = pytest.mark.clickhouse

Case = tuple[list[Standing], int, list[StoredEvent], float, dict[str, Any]]


def _use(standings: list[Standing], seed: int, **chosen: Any) -> list[StoredEvent]:
    return events_of(standings, random.Random(seed), **chosen)


def _switching() -> Case:
    standings = switching(4, 40)
    return (
        standings,
        0,
        _use(standings, 1, silent=0.1),
        38.4,
        {"smallest_effect": 0.05, "planned_units": 160, "guardrails": ["duration_mean"]},
    )


def _before_and_after() -> Case:
    standings = side_by_side(3, 24, before=10)
    return standings, 10, _use(standings, 2, silent=0.05), 24, {"primary_metric": "completions"}


def _side_by_side() -> Case:
    standings, rng = side_by_side(3, 40), random.Random(30)
    # Many on days without an order: each counts on a day that has one.
    refunds = [
        event(
            70_000 + n,
            placement_id=(one := rng.choice(standings)).placement,
            arm=one.arm,
            kind="order.refunded",
            amount_fen=5,
            occurred_ms=START + rng.randrange(30 * DAY),
        )
        for n in range(60)
    ]
    return (
        standings,
        0,
        [*_use(standings, 3), *refunds],
        30.5,
        {"primary_metric": "revenue_fen", "guardrails": ["refund_rate"]},
    )


def _one_place() -> Case:
    standings = side_by_side(1, 20)
    return standings, 0, _use(standings, 4), 16, {}


def _quantile() -> Case:
    standings = switching(4, 40)
    return standings, 0, _use(standings, 5, uses=20), 40, {"primary_metric": "duration_p50", "smallest_effect": 300.0}


def _quantile_with_a_time_before() -> Case:
    standings = side_by_side(3, 30, before=12)
    return standings, 12, _use(standings, 6, uses=20), 30, {"primary_metric": "duration_p95"}


def _carried_over() -> Case:
    standings = [
        Standing(f"s{n}", ("baseline", "pilot")[(n + week) % 2], 168 * week, 168 * (week + 1))
        for n in range(4)
        for week in range(6)
    ]
    return standings, 0, _use(standings, 7), 42, {"carry_over": 2}


def _changed_inside_a_day() -> Case:
    standings = [
        Standing("cafe", "baseline", 0, 84),
        Standing("cafe", "pilot", 84, 600),
        *side_by_side(2, 25),
    ]
    outside = [event(90_000 + n, placement_id="", arm="pilot", occurred_ms=START + n * HOUR) for n in range(50)]
    unassigned = [event(91_000 + n, placement_id="", arm="", occurred_ms=START + n * HOUR) for n in range(7)]
    # On the day of the change nothing came: it is neither a unit nor silent.
    used = [e for e in _use(standings, 8) if e.placement_id[:4] != "cafe" or (e.occurred_ms - START) // DAY != 3]
    return standings, 0, [*used, *outside, *unassigned], 20.3, {}


def _refunds_on_days_without_orders() -> Case:
    standings = side_by_side(2, 20)
    kinds = [(0, "order.paid"), (0, "order.paid"), (2, "order.refunded"), (3, "order.paid"), (19, "order.refunded")]
    events = [
        event(n, placement_id="p0-pilot-1000", occurred_ms=START + day * DAY + n, kind=kind, amount_fen=9)
        for n, (day, kind) in enumerate(kinds)
    ]
    return standings, 0, [*events, *_use(side_by_side(1, 18), 9)], 20, {"guardrails": ["refund_rate", "coverage"]}


def _devices() -> Case:
    standings = switching(2, 20)
    rng = random.Random(10)
    switches = [
        event(
            50_000 + n,
            placement_id=one.placement,
            arm=one.arm,
            kind=rng.choice(["device.online", "device.offline"]),
            occurred_ms=START + one.from_h * HOUR + rng.randrange(24 * HOUR),
        )
        for n, one in enumerate(standings * 3)
    ]
    return standings, 0, [*switches, *_use(standings, 11, silent=0.2)], 19.5, {"primary_metric": "uptime"}


def _three_arms() -> Case:
    arms = ["baseline", "pilot", "second"]
    standings = [
        Standing(f"s{n}", arms[(n + day) % 3], 24 * day, 24 * (day + 1)) for n in range(6) for day in range(30)
    ]
    better = [
        msgspec.structs.replace(one, outcome="ok") if one.arm == "second" and one.kind == "use.completed" else one
        for one in _use(standings, 3)
    ]
    return standings, 0, better, 30, {"arms": arms}


def _several_primaries() -> Case:
    standings, before, better, days, trial = _three_arms()
    more = {"primary_metric": "duration_mean", "more_primary_metrics": ["success_rate", "duration_p50"]}
    silent = [e for e in better if not (e.placement_id.startswith("s3") and (e.occurred_ms - START) // DAY in {5, 8})]
    return standings, before, silent, days, {**trial, **more, "smallest_effect": 400.0, "guardrails": ["orders"]}


def _an_arm_to_come() -> Case:
    standings = switching(4, 24)
    return standings, 0, _use(standings, 14), 24, {"arms": ["baseline", "pilot", "late"]}


def _a_renamed_arm() -> Case:
    """The pilot's first days stand under the name it had then, with people who came to it alone."""
    standings = switching(3, 20)
    events = [
        msgspec.structs.replace(e, arm="trying", subject=f"{n:064x}")
        if e.arm == "pilot" and e.occurred_ms < START + 3 * DAY + 12 * HOUR
        else e
        for n, e in enumerate(_use(standings, 16))
    ]
    return standings, 0, events, 20, {}


def _nothing_sold(*arms: str) -> Case:
    """Uses at places of both arms, and no order in *arms*: of both nobody knows, of one it sold nothing."""
    standings = switching(3, 20)
    events = [e for e in _use(standings, 12) if not (e.kind.startswith("order.") and e.arm in arms)]
    sold = [
        event(60_000 + n, placement_id=one.placement, arm=one.arm, kind="order.paid", amount_fen=900,
              occurred_ms=START + one.from_h * HOUR + HOUR)
        for n, one in enumerate(standings) if one.arm not in arms
    ]  # fmt: skip
    return standings, 0, [*events, *sold], 20, {"primary_metric": "revenue_fen"}


CASES = {
    "an arm that sold nothing": lambda: _nothing_sold("pilot"),
    "nothing sold at all": lambda: _nothing_sold("baseline", "pilot"),
    "three arms": _three_arms,
    "an arm to come": _an_arm_to_come,
    "an arm by another name": _a_renamed_arm,
    "several primary metrics and arms": _several_primaries,
    "switching, some days silent": _switching,
    "before and after": _before_and_after,
    "side by side": _side_by_side,
    "one place": _one_place,
    "a quantile": _quantile,
    "a quantile with a time before": _quantile_with_a_time_before,
    "days left out after a change": _carried_over,
    "a change inside a day, events at no place": _changed_inside_a_day,
    "refunds on days without orders": _refunds_on_days_without_orders,
    "devices": _devices,
}
TOLD = {"switching, some days silent": 11, "before and after": 8, "side by side": 8, "a quantile": 10}
"""How many lifts have bounds at least: a readout of refusals only would show nothing."""
TOGETHER = {"three arms": ["second"]}
"""Of several arms those that are told with all of them counted."""
TOLD_BY_METRIC = {
    "three arms": {"success_rate": "second"},
    "several primary metrics and arms": {"success_rate": "second"},
}
REVENUE = {"an arm that sold nothing": 0, "nothing sold at all": None}
"""The pilot's revenue: 0 where the trial sold something, unknown where nobody tells of orders."""
UNSPLIT = {"nothing sold at all", "one place", "refunds on days without orders"}
"""With uses at one place of each arm only: there is nothing to split at random."""


@pytest.mark.parametrize("case", list(CASES))
def test_every_value_of_the_readout_is_what_the_events_of_the_extract_give(clickhouse: ClickHouse, case: str) -> None:
    standings, before_days, events, days, trial = CASES[case]()
    now_ms = START + int(days * DAY)
    world = World(clickhouse, directory=street(standings, before_days=before_days, **trial), now_ms=now_ms)
    came = [e for e in events if e.occurred_ms < now_ms]
    world.store(came)
    world.live(cells_of(came))
    _complete(world, now_ms)

    said, mine = said_and_recomputed(world, now_ms)

    assert sum(path.endswith("].estimate") and value is not None for path, value in mine.items()) >= 20
    bounds = [path for path, value in mine.items() if path.endswith("absolute_interval[0]") and value is not None]
    assert len(bounds) >= TOLD.get(case, 0)
    told = [path for path in mine if path.startswith("verdict.arms[pilot].course[") and path.endswith("[1]")]
    assert len([path for path in told if mine[path] is not None]) >= TOLD.get(case, 0)
    assert ("verdict.arms[pilot].placebo.as_good" in mine) is (case not in UNSPLIT)
    if case in REVENUE:
        assert mine["readout.metrics[revenue_fen].arms[pilot].estimate"] == REVENUE[case]
    assert [value for path, value in mine.items() if path == "readout.told_together[0]"] == TOGETHER.get(case, [])
    told_of = {
        path[23:-3]: value for path, value in mine.items() if re.fullmatch(r"readout.told_by_metric.+\[0\]", path)
    }
    assert told_of == TOLD_BY_METRIC.get(case, {})
    assert {path: (value, said.get(path)) for path, value in mine.items() if not _equal(path, value, said)} == {}
    assert [path for path in said if path not in mine and stated_reason(path) is None] == []


def _complete(world: World, at_ms: int) -> None:
    source = {"epoch": 1, "partition": partition_of("neuro-band", PARTITIONS), "next_offset": 10, "watermark_ms": at_ms}
    world.insert("sink_sources", [{**source, "topic": Topic.EVENTS.value, "read_to_end_ms": at_ms}])
    world.insert("worker_sources", [{**source, "version": 1}])


def said_and_recomputed(world: World, now_ms: int) -> tuple[Mapping[str, Leaf], Mapping[str, Leaf]]:
    """Return the values of the trial's report by path, as the road says them and as its events give them."""
    context = world.context()
    report = gather(context, TRIAL, max_event_age_days=30, asked_ms=now_ms)
    tree = msgspec.to_builtins(report_json(report))
    table = read_events(context, TRIAL, report.interval.to_ms, max_rows=100_000).table
    file = ExtractFile(table, ExtractMetadata(registry_snapshot(report.directory, TRIAL), {}))
    said = {name: value for name, value in tree.items() if name not in {"frozen", "signature"}}
    return leaves(said), figures_of(tree, file)


def _equal(path: str, value: Leaf, said: Mapping[str, Leaf]) -> bool:
    return path in said and same(said[path], value)
