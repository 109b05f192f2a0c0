"""A plan: what is sent, decided by the seed alone."""

import json
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avenue.demo.registry import BEGAN_DAYS_AGO, demo_registry
from avenue.simulator.behaviour import HOURS, LIFT, usage_profile
from avenue.simulator.messages.base import ExpectedEvent
from avenue.simulator.options import SimulateOptions, TrafficShares
from avenue.simulator.plan import PlannedRequest, SendPlan
from avenue.simulator.sources import find_sources
from registry.directory import Directory
from registry.file import check_registry
from reports.stats import judge
from runtime.clock import ManualClock
from runtime.errors import ConfigurationError
from schemas.event import EVENT_ID_PATTERN
from schemas.registry import Account, Registry, epoch_ms
from schemas.timing import DAY_MS, HOUR_MS, day_of
from tests.support.paths import ROOT
from tests.support.properties import examples

NOW_MS = 1_795_381_200_000
PLAIN = TrafficShares(duplicates=0, late=0, rejects=0, unknown_placement=0, wrong_signature=0)


def demo(began_days_ago: int = BEGAN_DAYS_AGO) -> Registry:
    today = datetime.fromtimestamp(NOW_MS / 1000, UTC).date()
    checked = check_registry(demo_registry(today, began_days_ago=began_days_ago).encode())
    assert checked.registry is not None, checked.problems
    return checked.registry


REGISTRY = demo()
DIRECTORY = Directory(version=1, registry=REGISTRY)


def make_options(**changes: Any) -> SimulateOptions:
    options = SimulateOptions(url="http://127.0.0.1:1", registry=REGISTRY, seed=7, clock=ManualClock(NOW_MS))
    return replace(options, **changes)


def make_plan(**changes: Any) -> list[PlannedRequest]:
    options = make_options(**changes)
    return list(SendPlan(options, find_sources(options), options.seed or 0))


def events(planned_requests: list[PlannedRequest]) -> list[ExpectedEvent]:
    return [sent for planned in planned_requests for sent in planned.message.events]


def wires(planned_requests: list[PlannedRequest]) -> list[tuple[str, str, bytes, dict[str, str]]]:
    requests = [planned.message.request for planned in planned_requests]
    return [(r.path, r.query, r.body, {**r.headers, **(r.sign(NOW_MS) if r.sign else {})}) for r in requests]


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert wires(make_plan(events=2_000)) == wires(make_plan(events=2_000))


def test_another_seed_gives_no_event_twice() -> None:
    ids = [{e.event_id for e in events(make_plan(events=1_000, seed=seed)) if e.event_id} for seed in (1, 2)]
    assert ids[0].isdisjoint(ids[1])


def test_a_shorter_run_is_the_beginning_of_a_longer_one_with_the_same_seed() -> None:
    short, long = (make_plan(events=n, native_share=1.0, only=("*/w*",)) for n in (200, 400))
    assert wires(short)[:150] == wires(long)[:150]


@examples(30)
@given(
    count=st.integers(1, 400),
    batch=st.integers(1, 120),
    native_share=st.floats(0, 1),
    seed=st.integers(0, 2**32),
)
def test_a_plan_holds_exactly_as_many_events_as_asked(count: int, batch: int, native_share: float, seed: int) -> None:
    planned_requests = make_plan(events=count, batch=batch, native_share=native_share, seed=seed)

    assert len(events(planned_requests)) == count
    assert all(len(planned.message.events) <= max(batch, 12) for planned in planned_requests)
    assert all(re.match(EVENT_ID_PATTERN, e.event_id) for e in events(planned_requests) if e.event_id and e.kind)


def test_every_repeat_comes_after_its_first_was_answered() -> None:
    first: dict[tuple[str, str], int] = {}
    for planned in make_plan(events=6_000, shares=TrafficShares(duplicates=0.2)):
        for sent in planned.message.events:
            key = (planned.message.request.account, sent.event_id)
            if sent.expected == "accepted" and sent.event_id:
                assert key not in first
                first[key] = planned.serial
            if sent.expected == "duplicate" and sent.event_id:
                assert first[key] == planned.serial or first[key] in planned.after
    assert len(first) > 3_000


def test_the_shares_are_those_asked_for() -> None:
    shares = TrafficShares(duplicates=0.1, late=0.0, rejects=0.05, unknown_placement=0.03, wrong_signature=0.01)
    sent = events(make_plan(events=30_000, batch=50, native_share=0.3, shares=shares))
    counts = Counter(event.expected for event in sent)

    assert counts["duplicate"] == pytest.approx(3_000, rel=0.15)
    assert counts["rejected"] == pytest.approx(2_400, rel=0.2)
    assert counts["refused"] == pytest.approx(300, rel=0.5)


def test_without_shares_everything_is_sound_and_of_now() -> None:
    sent = events(make_plan(events=3_000, shares=PLAIN))

    assert {event.expected for event in sent} == {"accepted"}
    assert all(NOW_MS - HOUR_MS < event.occurred_ms <= NOW_MS for event in sent if event.occurred_ms is not None)


def test_late_events_are_minutes_to_days_old() -> None:
    sent = events(make_plan(events=4_000, shares=replace(PLAIN, late=0.2)))
    ages = [NOW_MS - event.occurred_ms for event in sent if event.occurred_ms is not None]

    assert 0.1 < sum(age > 4 * 60_000 for age in ages) / len(ages) < 0.4
    assert max(ages) < 3 * DAY_MS


def test_past_days_are_filled_in_the_rhythm_of_a_day() -> None:
    sent = events(make_plan(events=20_000, days=14, shares=PLAIN, batch=50, native_share=0.0))
    times = [event.occurred_ms for event in sent if event.occurred_ms is not None]
    hours = Counter((at + 8 * HOUR_MS) // HOUR_MS % 24 for at in times)

    assert {at // DAY_MS for at in times} >= set(range(NOW_MS // DAY_MS - 12, NOW_MS // DAY_MS))
    assert min(times) > NOW_MS - 14.1 * DAY_MS
    assert hours[19] > 5 * (hours[2] + 1)
    assert max(HOURS) == HOURS[19]


def test_every_other_arm_goes_better_by_what_is_promised_and_people_come_back() -> None:
    planned_requests = make_plan(events=40_000, batch=200, days=28, native_share=0.0, shares=PLAIN, only=("*/events",))
    lines = [json.loads(line) for planned in planned_requests for line in bodies(planned)]
    used = [(arm_of(e), e["outcome"]) for e in lines if e["kind"] == "use.completed"]
    subjects = Counter(e["subject"] for e in lines if e["kind"] == "exposure")

    assert share(used, "pilot") - share(used, "baseline") == pytest.approx(LIFT, abs=0.03)
    assert 0.2 < sum(n for n in subjects.values() if n > 1) / sum(subjects.values()) < 0.5


def test_a_demo_of_few_events_is_enough_for_a_verdict() -> None:
    directory = Directory(version=1, registry=demo(42))
    planned_requests = make_plan(registry=directory.registry, events=5_400, days=42, native_share=0.15)
    sent = [sent for sent in events(planned_requests) if sent.expected == "accepted" and sent.event]
    units = [unit for line in sent if (unit := unit_of(json.loads(line.event or b"{}"), directory)) is not None]

    verdict = judge(units)

    assert len(units) > 400
    assert verdict.design == "switching"
    assert verdict.lifts["pilot"].low is not None


def arm_of(event: dict[str, Any]) -> str | None:
    placed = DIRECTORY.placed.get(event.get("placement_id", ""))
    return None if placed is None else placed.arm_at(at_ms(event))


def at_ms(event: dict[str, Any]) -> int:
    return epoch_ms(datetime.fromisoformat(event["occurred_at"]))


def unit_of(event: dict[str, Any], directory: Directory) -> tuple[str, str, str, int, float, float] | None:
    placed = directory.placed.get(event.get("placement_id", ""))
    if event["kind"] != "use.completed" or placed is None or placed.trial_id != "neuro-band-demo":
        return None
    is_before = directory.trial_spans[placed.trial_id].in_baseline(at_ms(event))
    arm = "" if is_before else placed.arm_at(at_ms(event))
    day = day_of(at_ms(event)) // DAY_MS
    return "before" if is_before else "trial", arm, placed.place_id, day, float(event["outcome"] == "ok"), 1.0


def bodies(planned: PlannedRequest) -> list[str]:
    import gzip

    body = planned.message.request.body
    text = (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).decode()
    if text.startswith("["):
        return [json.dumps(item) for item in json.loads(text)]
    if text.startswith('{"events":'):
        return [json.dumps(item) for item in json.loads(text)["events"]]
    return text.splitlines()


def share(used: list[tuple[str | None, str]], arm: str) -> float:
    outcomes = [outcome for of, outcome in used if of == arm]
    return outcomes.count("ok") / len(outcomes)


def test_a_place_behaves_the_same_in_every_run_and_a_product_adds_the_same_everywhere() -> None:
    profiles = [
        (usage_profile("neuro-band", arm, f"m{place:03d}", day * DAY_MS), arm)
        for arm in ("baseline", "pilot")
        for place in range(0, 200, 10)
        for day in range(30)
    ]
    baseline, pilot = ([profile.success for profile, of in profiles if of == arm] for arm in ("baseline", "pilot"))

    assert [b - a for a, b in zip(baseline, pilot, strict=True)] == pytest.approx([LIFT] * len(baseline))
    assert 0.5 < min(baseline) < max(baseline) - 0.1
    assert max(pilot) < 1
    assert usage_profile("neuro-band", "pilot", "m017", DAY_MS) == usage_profile("neuro-band", "pilot", "m017", DAY_MS)


@pytest.mark.parametrize(
    ("only", "flows"),
    [
        (("bilibili",), {"bilibili/webhook", "bilibili/live"}),
        (("douyin/live",), {"douyin/live"}),
        (("*/events",), {"sunmi/events"}),
        (("meituan/service", "sunmi/re*"), {"meituan/service", "sunmi/receipt"}),
    ],
)
def test_only_what_is_selected_is_sent(only: tuple[str, ...], flows: set[str]) -> None:
    requests = [planned.message.request for planned in make_plan(events=300, only=only)]
    assert {f"{r.platform}/{r.flow}" for r in requests} == flows


def test_a_key_makes_any_account_push_batches() -> None:
    planned_requests = make_plan(
        events=300, only=("bilibili/events",), keys={"bilibili-main": "avk_secret"}, shares=PLAIN
    )
    assert {u.message.request.headers["authorization"] for u in planned_requests} == {"Bearer avk_secret"}


def test_a_slow_rate_does_not_come_in_lumps() -> None:
    planned_requests = make_plan(events=200, rate=5.0, only=("*/events",))
    assert max(len(planned.message.events) for planned in planned_requests) <= 5


def test_a_flow_that_cannot_be_signed_is_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET_ANYWHERE", raising=False)
    accounts = [with_secrets(a, {"webhook": ["env:NOT_SET_ANYWHERE"]}) for a in REGISTRY.accounts]
    sources = find_sources(make_options(registry=REGISTRY.model_copy(update={"accounts": accounts})))

    assert any(line.startswith("bilibili-main/webhook") for line in sources.skipped)
    assert all(source.signer.account.id != "bilibili-main" for source in sources.native)


def with_secrets(account: Account, secrets: dict[str, list[str]]) -> Account:
    return account.model_copy(update={"secrets": secrets}) if account.id == "bilibili-main" else account


def test_a_public_key_without_its_private_half_is_left_out_and_named(tmp_path: Path) -> None:
    public = tmp_path / "public.pem"
    public.write_text("-----BEGIN PUBLIC KEY-----\nnot read\n-----END PUBLIC KEY-----\n")
    text = demo_registry(datetime.fromtimestamp(NOW_MS / 1000, UTC).date(), trade_key=public)
    registry = tmp_path / "registry.toml"
    registry.write_text(text)

    skipped = find_sources(make_options(registry=registry)).skipped
    assert [line for line in skipped if "--private-key douyin-main/trade=FILE" in line]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"only": ("nobody",)}, "nothing to simulate"),
        ({"keys": {"nobody": "k"}}, "no account nobody"),
        ({"registry": Path("/nowhere.toml")}, "nowhere.toml"),
        ({"events": 0}, "at least 1"),
        ({"rate": 0.0}, "rate"),
    ],
)
def test_a_wrong_request_says_what_is_wrong(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        find_sources(make_options(**changes))


def test_the_simulator_shares_no_code_with_the_gateway() -> None:
    root = ROOT / "avenue"
    files = [*(root / "simulator").rglob("*.py"), *(root / "sending").rglob("*.py")]
    imports = re.compile(r"^\s*(?:from|import) producers", re.MULTILINE)

    assert len(files) > 20
    assert [str(file) for file in files if imports.search(file.read_text())] == []
