"""What a frozen report is verified by, against plain Python and against the road's own code."""

import re
import shutil
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from registry.rota import draw_rota
from reports.frozen.registry_snapshot import registry_snapshot
from reports.metrics import MEASURES, METRICS, DueShareRule
from reports.queries import spans
from reports.queries.model import Interval
from reports.queries.presence import alive_spans, on_spans
from reports.verification import check, due_time, software
from reports.verification.carried import NotCarriedError, form_of, model_in, with_comment
from reports.verification.event_table import EventTable, event_table
from reports.verification.extract import COLUMNS, SCHEMA, ExtractError, ExtractMetadata, read_extract, write_extract
from reports.verification.figures import MEASURE, figure
from reports.verification.funnel import funnels
from reports.verification.leaves import leaves, same
from reports.verification.rota import rota
from reports.verification.seal import NoKeyError, opened, pem_of, read_public_keys, sealed, slot
from reports.verification.snapshot import PlacementSnapshot, RotaSnapshot
from reports.verification.stated import stated_by_reason, stated_reason
from schemas.lines import StoredEvent
from schemas.registry import Placement, Rota
from schemas.timing import DAY_MS, HOUR_MS, MINUTE_MS
from tests.support.reports_harness import START, directory, event, expected, made_up

KEY = "0123456789abcdef"


def rows(events: list[StoredEvent]) -> Any:
    """Return *events* as the rows of an extract."""
    subjects = {name: number for number, name in enumerate(dict.fromkeys(e.subject for e in events if e.subject), 1)}
    sessions = {
        name: number for number, name in enumerate(dict.fromkeys(e.session_id for e in events if e.session_id), 1)
    }
    found = [
        {
            "event": number,
            "platform": e.platform,
            "placement": e.placement_id,
            "arm": e.arm,
            "kind": e.kind,
            "outcome": e.outcome,
            "occurred_at": e.occurred_ms,
            "received_at": e.received_ms,
            "grace_ms": 120_000,
            "subject": subjects.get(e.subject, 0),
            "session": sessions.get(e.session_id, 0),
            "duration_ms": e.duration_ms,
            "amount_fen": e.amount_fen,
            "rating": e.rating,
        }
        for number, e in enumerate(events, 1)
    ]
    return pa.table({name: pa.array([row[name] for row in found], kind) for name, kind in COLUMNS.items()}).cast(SCHEMA)


def table(events: list[StoredEvent]) -> EventTable:
    return event_table(rows(events))


# --- figures


def test_every_measure_of_the_definitions_is_computed_here_too() -> None:
    assert MEASURE.keys() == MEASURES.keys()


@pytest.mark.parametrize("metric", [m for m in METRICS if not isinstance(METRICS[m].rule, DueShareRule)])
def test_a_figure_is_what_plain_python_gives(metric: Any) -> None:
    events = made_up(500, seed=11)

    assert figure(metric, table(events)) == pytest.approx(expected(metric, events))
    for (arm, day), own in table(events).by("arm", "day"):
        mine = [e for e in events if e.arm == arm and day <= e.occurred_ms < day + DAY_MS]
        assert figure(metric, own) == pytest.approx(expected(metric, mine))
    assert figure(metric, table(events[:0]))[1] == 0


def test_people_go_on_in_order_within_a_day_of_the_exposure() -> None:
    def step(n: int, kind: str, at_ms: int, **fields: Any) -> StoredEvent:
        return event(n, kind=kind, occurred_ms=START + at_ms, **({"subject": "a" * 32} | fields))

    found = funnels(
        table(
            [
                step(1, "exposure", 0),
                step(2, "use.started", 5),
                step(3, "use.completed", 6, outcome="failed"),
                step(4, "order.paid", 7, amount_fen=1),
                step(5, "exposure", 0, subject="b" * 32),
                step(6, "use.started", DAY_MS, subject="b" * 32),
                step(7, "exposure", 0, subject="c" * 32),
                step(8, "use.started", DAY_MS + 1, subject="c" * 32),
                step(9, "use.started", 9, subject=""),
            ]
        )
    )

    assert found == [
        {
            "by": {"arm": "pilot"},
            "steps": [
                {"kind": "exposure", "events": 3, "people": 3, "share": None},
                {"kind": "use.started", "events": 4, "people": 2, "share": 2 / 3},
                {"kind": "use.completed", "events": 0, "people": 0, "share": 0.0},
                {"kind": "order.paid", "events": 1, "people": 0, "share": None},
            ],
        }
    ]


# --- due time: two codes that were written apart agree

HOURS = st.tuples(st.integers(0, 23), st.integers(0, 59)).map(lambda at: f"{at[0]:02}:{at[1]:02}")


@given(HOURS, st.one_of(HOURS, st.just("24:00")), st.integers(0, 10 * DAY_MS), st.integers(0, 10 * DAY_MS))
def test_due_time_is_that_of_the_road(opens: str, closes: str, first: int, last: int) -> None:
    tree = directory()
    snapshot = registry_snapshot(tree, "neuro")
    placement = tree.placements["p-2"].model_copy(update={"hours": _hours(opens, closes)})
    known = tree.registry
    assert known
    placements = [placement if p.id == "p-2" else p for p in known.placements]
    road = replace(tree, registry=known.model_copy(update={"placements": placements}))

    mine = next(p for p in registry_snapshot(road, "neuro").placements if p.id == "p-2")
    found = due_time.due_spans(snapshot, mine, START + first, START + last)

    assert found == spans.due_spans(road, "p-2", Interval(START + first, START + last))


@given(st.lists(st.tuples(st.integers(0, 3000), st.booleans()), max_size=12), st.integers(60, 4000))
def test_a_device_is_up_where_the_road_says_so(switches: list[tuple[int, bool]], silence_s: int) -> None:
    kinds = {True: "device.online", False: "device.offline"}
    events = [event(n, kind=kinds[on], occurred_ms=START + at * 1000) for n, (at, on) in enumerate(switches)]
    until = START + HOUR_MS
    minutes: dict[int, list[int]] = {}
    for e in events:
        minutes.setdefault(e.occurred_ms // MINUTE_MS, []).append(e.occurred_ms)
    signs = sorted((min(at), max(at)) for at in minutes.values())
    marks = sorted((e.occurred_ms, e.kind == "device.online") for e in events)
    road = spans.overlap(on_spans(marks, until), alive_spans(signs, silence_s * 1000, until))
    tree = directory()
    own = registry_snapshot(tree, "neuro")
    placement = own.placements[0]
    snapshot = type(own)(
        **{f: getattr(own, f) for f in own.__struct_fields__} | {"placements": [_silent(placement, silence_s)]}
    )

    found = due_time.uptime(snapshot, table(events), until)

    assert [share.met for share in found] == ([road] if events else [])


def _hours(opens: str, closes: str) -> Any:
    return Placement.model_fields["hours"].annotation.__args__[0](opens=opens, closes=closes)  # type: ignore[union-attr]  # X | None


def _silent(placement: Any, silence_s: int) -> Any:
    values = {f: getattr(placement, f) for f in placement.__struct_fields__}
    return type(placement)(**values | {"heartbeat_s": silence_s})


# --- seal and keys


def test_a_seal_holds_until_one_byte_changes() -> None:
    key = Ed25519PrivateKey.generate()
    content = sealed(b"before " + slot("pdf", KEY).encode() + b" after", "pdf", KEY, key.sign)

    seal, changed, other = (
        opened(content, "pdf"),
        opened(content.replace(b"after", b"aftes"), "pdf"),
        opened(content, "json"),
    )

    assert seal
    assert changed
    assert (seal.signature == changed.signature, seal.sha256 == changed.sha256, other) == (True, False, None)


def test_nothing_without_room_for_a_seal_is_signed() -> None:
    with pytest.raises(ValueError, match="no room for a seal"):
        sealed(b"text", "pdf", KEY, Ed25519PrivateKey.generate().sign)


def test_a_file_of_keys_may_hold_several_and_must_hold_one() -> None:
    keys = [Ed25519PrivateKey.generate() for _ in range(2)]

    assert len(read_public_keys(b"".join(map(pem_of, keys)))) == 2
    with pytest.raises(NoKeyError, match="no public key"):
        read_public_keys(b"nothing")


# --- extract and carriers


def test_the_same_rows_give_the_same_file_and_another_file_is_refused() -> None:
    metadata = ExtractMetadata(registry_snapshot(directory(), "neuro"), {"state": "running"})
    events = rows(made_up(50))

    first, again = write_extract(events, metadata), write_extract(events, metadata)

    assert first == again
    assert read_extract(first).metadata == metadata
    assert read_extract(first).table.equals(events)
    with pytest.raises(ExtractError, match="cannot be read as Parquet"):
        read_extract(b"PAR1")


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7 broken", b"PK\x03\x04 broken", b"<!doctype html><p>", b"\x00"])
def test_a_file_that_carries_no_model_says_so(content: bytes) -> None:
    form = form_of(content)

    if form is None:
        assert content in {b"", b"\x00"}
        return
    with pytest.raises(NotCarriedError):
        model_in(content, form)


def test_a_comment_stands_behind_an_archive_without_one_only() -> None:
    empty = b"PK\x05\x06" + bytes(18)

    assert with_comment(empty, "seal").endswith(b"\x04\x00seal")
    with pytest.raises(ValueError, match="does not end"):
        with_comment(with_comment(empty, "seal"), "seal")


# --- paths


def test_a_value_is_found_under_the_name_of_what_it_is_about() -> None:
    tree = {"totals": [{"metric": "events", "by": {"arm": "pilot"}, "n": 3}], "points": [["2026-11-20", 1]], "none": []}

    assert leaves(tree) == {
        "totals[]": 1,
        "totals[events;arm=pilot].metric": "events",
        "totals[events;arm=pilot].by.arm": "pilot",
        "totals[events;arm=pilot].n": 3,
        "points[]": 1,
        "points[2026-11-20][]": 2,
        "points[2026-11-20][0]": "2026-11-20",
        "points[2026-11-20][1]": 1,
        "none[]": 0,
    }


@pytest.mark.parametrize(
    ("left", "right", "are_same"),
    [(1, 2, False), (0.1 + 0.2, 0.3, True), (0.3, 0.3001, False), (True, 1, False), (None, 0, False), ("a", "a", True)],
)
def test_numbers_are_the_same_as_far_as_sums_in_another_order_are(left: Any, right: Any, are_same: bool) -> None:
    assert same(left, right) is are_same


# --- what is stated, and by what it was computed


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("readout.metrics[success_rate].arms[pilot].lift.absolute", None),
        ("readout.metrics[success_rate].arms[pilot].lift.reason_text.zh", "words"),
        ("readout.units.counted.pilot", None),
        ("readout.freshness.lag_s", None),
        ("freshness.flagged_windows", "street_then"),
        ("readout.health[arriving].state", None),
        ("readout.health[arriving].text.en", "words"),
        ("notes[final].code", None),
        ("arrivals.stored", None),
        ("arrivals.rejected.personal_data", "not_in_extract"),
        ("totals[events].value", None),
        ("period.to", None),
        ("as_of", "moment"),
        ("as_of.more", None),
    ],
)
def test_only_what_no_event_proves_may_be_stated_and_for_a_reason(path: str, reason: str | None) -> None:
    assert stated_reason(path) == reason
    assert stated_by_reason([path]) == ({} if reason is None else {reason: 1})


def test_a_changed_statistic_is_another_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied = tmp_path / "reports"
    shutil.copytree(Path(software.__file__).parents[1] / "stats", copied / "stats")
    for name in ("metrics.py", "health_rules.py"):
        shutil.copy(Path(software.__file__).parents[1] / name, copied)
    before = software.method_version()
    monkeypatch.setattr(software, "_REPORTS", copied)

    same_sources = software.method_version()
    with (copied / "stats" / "level.py").open("a") as file:
        file.write("# changed\n")

    assert re.fullmatch("[0-9a-f]{12}", before)
    assert same_sources == before
    assert software.method_version() != before


# --- the lottery


@given(st.sampled_from(["day", "week"]), st.integers(1, 40), st.text(min_size=1, max_size=8), st.integers(0, 9))
def test_the_lottery_is_drawn_as_the_registry_draws_it(block: str, days: int, seed: str, moved: int) -> None:
    ends = datetime.fromtimestamp(START / 1000, timezone(timedelta(hours=8))) + timedelta(days=days)
    tree = directory()
    trial = tree.trials["neuro"].model_copy(update={"rota": Rota(seed=seed, block=block), "ends": ends})
    places = ["p-1", "p-2", "p-3"]
    drawn = draw_rota(trial, places)
    arms = {
        place: {drawn.days[n].isoformat(): trial.arms.index(arm) for n, arm in enumerate(drawn.arms[place])}
        for place in places
    }
    own = msgspec.structs.replace(
        registry_snapshot(tree, "neuro"),
        ends=ends.isoformat(),
        rota=RotaSnapshot(seed, block, places),
        placements=[
            _as_drawn(place, trial.arms, arms[place], ends, wrong=moved if place == "p-2" else 0) for place in places
        ],
    )

    found = rota(own)

    assert found
    assert found["other_days"] == min(moved, days)
    step = {"day": 1, "week": 7}[block]
    assert {one["place"]: one["drawn"] for one in found["places"]} == {
        place: " ".join(map(str, list(days_of.values())[::step])) for place, days_of in arms.items()
    }


def _as_drawn(place: str, arms: list[str], drawn: dict[str, int], ends: datetime, *, wrong: int) -> PlacementSnapshot:
    """Return a placement in the arms that were drawn, but on the first *wrong* days in another."""
    said: dict[str, list[str]] = {}
    for number, (day, arm) in enumerate(drawn.items()):
        said.setdefault(arms[(arm + (number < wrong)) % len(arms)], []).append(day)
    starts = datetime.fromtimestamp(START / 1000, timezone(timedelta(hours=8))).isoformat()
    return PlacementSnapshot(place, place, "sunmi", "none", said, starts, ends.isoformat(), "00:00", "00:00", None)


@pytest.mark.parametrize(
    ("said", "held"),
    [
        ({}, True),  # Frozen before guardrails were read for what is possible.
        ({"guardrail": "unclear"}, True),
        ({"guardrail": "kept"}, False),
        ({"harm": "harmed"}, False),
    ],
)
def test_a_reading_that_was_added_is_held_to_what_is_said_of_it(
    monkeypatch: pytest.MonkeyPatch, said: dict[str, str], *, held: bool
) -> None:
    def tree(**changed: str) -> dict[str, Any]:
        arm = {"arm": "pilot", "lift": {"harm": "none_seen", **changed}}
        return {"readout": {"metrics": [{"metric": "orders", "arms": [arm]}]}, "frozen": {"registry": {}}}

    file: Any = SimpleNamespace(metadata=SimpleNamespace(registry={}, stated={}))
    mine = {path: value for path, value in leaves(tree(guardrail="unclear")).items() if path.startswith("readout")}
    monkeypatch.setattr(check, "figures_of", lambda *_: mine)

    assert mine["readout.metrics[orders].arms[pilot].lift.guardrail"] == "unclear"
    assert (not check.compare(tree(**said), file).differences) is held
