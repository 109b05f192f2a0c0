"""A subject that is forgotten: what it did still counts, nothing stored leads to it, and nothing brings it back."""

from typing import Any

import pytest

from runtime.clickhouse import ClickHouse
from schemas.lines import RejectLine, StoredEvent
from schemas.timing import DAY_MS, MINUTE_MS
from sinks.reconciliation.conservation import conservation
from sinks.reconciliation.reconcile import reconcile
from sinks.retention.forget import KEPT_MS, ForgetJob, ForgetRequest, note_forget
from sinks.settlement.recheck import differences, wrongly_settled
from tests.support.settlement_harness import ACCOUNT, NOON_MS, World, event, hash_of, kept_reject, random_events

pytestmark = pytest.mark.clickhouse

FIRST, MINE, SESSION = hash_of(900), hash_of(901), hash_of(902)
REQUEST = ForgetRequest(ACCOUNT, FIRST, {"band-q4": MINE})
SUMS = "sum(events), sum(failed), sum(duration_ms_sum), sum(amount_fen_sum)"


@pytest.fixture
def world(clickhouse: ClickHouse) -> World:
    return World(clickhouse)


def mine(number: int, **changes: Any) -> StoredEvent:
    fields: dict[str, Any] = {
        "subject": MINE,
        "session_id": SESSION,
        "attributes": {"scene": "cafe"},
        "amount_fen": 100,
    }
    return event(f"mine-{number}", NOON_MS + number * 1000, **(fields | changes))


def named_reject() -> RejectLine:
    payload = f'{{"subject":"{FIRST}","kind":"order.paid"}}'
    return kept_reject("r-1", reason="unknown_placement", payload=payload)


def settled_world(world: World) -> None:
    """A day with the subject in it, late too, settled and summed; a report's extract; a reject that names it."""
    world.send(mine(1), mine(2), mine(3, kind="order.paid"))
    world.send(*random_events(1, 40))
    world.send(mine(2), partition=0)
    world.send(event("late", after_ms=30 * MINUTE_MS, subject=MINE))
    world.send(event("other", subject=hash_of(7), session_id=SESSION))
    world.deliver("d-1", accepted=45, rejected=2)
    world.reject(named_reject(), kept_reject("r-2", reason="unknown_placement", payload='{"kind":"exposure"}'))
    world.freeze("band-q4", "band-next")
    world.later(3 * 24 * 60)
    assert world.settle().blocks
    world.later(60)


def forget(world: World) -> ForgetJob:
    """Note the request, and let the sink work until nothing is left to do but to wait for the topics."""
    note_forget(world.clickhouse.writer(), REQUEST, world.clock.now_ms())
    job = ForgetJob(world.clickhouse, world.clock)
    for _ in range(3):
        job.run_once()
        world.later(60)
        world.settle()
    assert job.run_once() is False
    return job


def places_of(world: World, *texts: str) -> list[tuple[str, str]]:
    """Return the tables and columns in which one of *texts* stands, whatever the version of the row."""
    columns = world.rows(
        "SELECT table, name FROM system.columns WHERE database = currentDatabase() AND type ILIKE '%String%' "
        "AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree')"
    )
    assert ("pilot_events", "subject") in columns
    found = []
    for table, name in columns:
        held = " OR ".join(f"position(toString(`{name}`), '{text}') > 0" for text in texts)
        if world.rows(f"SELECT 1 FROM {table} WHERE {held} LIMIT 1"):  # noqa: S608 - our own names
            found.append((table, name))
    return sorted(found)


def register_of(text: str) -> int:
    bits = int(text[:16], 16)
    rest = bits >> 10
    return ((bits & 1023) << 6) | ((rest & -rest).bit_length())


def test_what_is_stored_of_a_subject_counts_and_leads_nowhere(world: World) -> None:
    settled_world(world)
    counts = world.rows(f"SELECT {SUMS} FROM cells WHERE trial_id = 'band-q4'")  # noqa: S608 - our own names
    assert world.rows("SELECT count() FROM late_lines WHERE event_id = 'late'") == [(1,)]
    subjects = world.rows("SELECT uniqExact(subject), count() FROM events WHERE subject != ''")
    assert places_of(world, MINE, FIRST, SESSION) == [
        ("pilot_events", "session_id"), ("pilot_events", "subject"), ("pilot_rejects", "payload")
    ]  # fmt: skip

    forget(world)

    assert places_of(world, MINE, FIRST, SESSION) == [("forgotten_subjects", "pseudonym")]
    assert world.rows(f"SELECT {SUMS} FROM cells WHERE trial_id = 'band-q4'") == counts  # noqa: S608 - our own names
    assert world.rows("SELECT uniqExact(subject), count() FROM events WHERE subject != ''") == [
        (subjects[0][0] - 1, subjects[0][1] - 4)
    ]
    assert world.rows("SELECT DISTINCT attributes, session_id FROM events WHERE event_id LIKE 'mine-%'") == [("{}", "")]
    assert world.rows("SELECT subject, session_id FROM events WHERE event_id = 'other'") == [(hash_of(7), "")]
    assert world.rows("SELECT reject_id, payload = '' FROM pilot_rejects FINAL ORDER BY reject_id") == [
        ("r-1", 1), ("r-2", 0)
    ]  # fmt: skip
    assert world.rows("SELECT trial_id FROM frozen_extracts") == [("band-next",)]
    assert world.rows("SELECT count() FROM late_lines WHERE event_id = 'late'") == [(0,)]


def test_sketches_are_made_anew_without_the_subject_in_any_version(world: World) -> None:
    settled_world(world)
    tables = ("cells_live", "cells_settled", "cells_hourly", "cells_daily")

    def holding() -> list[str]:
        register = register_of(MINE)
        return [t for t in tables if world.rows(f"SELECT 1 FROM {t} WHERE has(subjects, {register}) LIMIT 1")]  # noqa: S608 - our own names

    assert holding() == list(tables)
    units = f"SELECT count() FROM units_daily WHERE has(subjects, reinterpretAsUInt128(sipHash128('{MINE}')))"  # noqa: S608 - our own
    assert world.rows(units) != [(0,)]

    forget(world)

    assert holding() == []
    assert world.rows(units) == [(0,)]


def test_no_sum_opens_and_no_cell_differs_because_somebody_was_forgotten(world: World) -> None:
    settled_world(world)
    world.idle()
    before = sorted(conservation(world.clickhouse), key=str)
    assert before

    forget(world)

    assert sorted(conservation(world.clickhouse), key=str) == before
    assert differences(world.clickhouse) == []
    assert wrongly_settled(world.clickhouse) == []
    found = reconcile(world.clickhouse, wait_s=0, clock=world.clock)
    assert (found.ok, found.differences, found.otherwise) == (True, [], [])


def test_neither_a_topic_read_again_nor_a_replay_brings_a_subject_back(world: World) -> None:
    settled_world(world)
    job = forget(world)

    world.send(mine(1), mine(9, received_ms=world.clock.now_ms()), counted=False)
    world.reject(named_reject())
    assert places_of(world, MINE) == [("forgotten_subjects", "pseudonym")]
    job.run_once()

    assert places_of(world, MINE, FIRST, SESSION) == [("forgotten_subjects", "pseudonym")]
    assert world.rows("SELECT count(), any(subject) FROM events WHERE event_id = 'mine-9'") == [(1, "")]


def test_an_unsettled_block_is_no_difference_while_somebody_in_it_is_forgotten(world: World) -> None:
    world.send(event("other", subject=hash_of(7)), mine(1))
    note_forget(world.clickhouse.writer(), REQUEST, world.clock.now_ms())
    ForgetJob(world.clickhouse, world.clock).run_once()
    world.send(mine(2))

    assert differences(world.clickhouse) == []
    world.later(60)
    (settled,) = world.settle().blocks
    assert settled.start_s * 1000 == NOON_MS
    assert differences(world.clickhouse) == []
    assert world.rows("SELECT sum(explained), sum(unexplained) FROM settled_blocks") == [(0, 0)]


def test_the_hashes_themselves_go_once_no_topic_holds_them_and_to_ask_again_tells_how_far_it_is(world: World) -> None:
    settled_world(world)
    asked_ms = world.clock.now_ms()
    first = note_forget(world.clickhouse.writer(), REQUEST, asked_ms)
    assert (first.asked_ms, first.events_ms, first.sketches_ms) == (asked_ms, 0, 0)
    assert first.topics_until_ms == asked_ms + KEPT_MS == asked_ms + 38 * DAY_MS

    job = forget(world)
    again = note_forget(world.clickhouse.writer(), REQUEST, world.clock.now_ms())
    assert again.asked_ms == asked_ms
    assert asked_ms <= again.events_ms <= again.sketches_ms

    world.clock.set(asked_ms + KEPT_MS - 1)
    job.run_once()
    assert world.rows("SELECT count() FROM forgotten_subjects FINAL") == [(2,)]
    world.clock.set(asked_ms + KEPT_MS)
    assert job.run_once() is False
    assert world.rows("SELECT count() FROM forgotten_subjects") == [(0,)]
