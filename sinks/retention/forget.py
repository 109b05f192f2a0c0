"""Forgets a subject: what is stored of it stays as counts, and nothing leads from them to anybody (ADR 40).

First noted: from then on what comes of it, by whichever way, is stored without it. Then, in the settler's thread, what
is stored already is taken out, and the sketches it was in are made anew from the events.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runtime.clickhouse import ClickHouse, Client
from runtime.clock import Clock
from runtime.logging import get_logger
from schemas.event import SANDBOX_PREFIX
from schemas.timing import DAY_MS, MINUTE_MS
from schemas.topics import SPECS, Topic
from sinks.clickhouse.sql import query
from sinks.settlement.blocks import moment
from sinks.settlement.settle import LOOK_BACK_MS, RUN_BITS

log = get_logger(__name__)

SEGMENT_MS = 8 * DAY_MS
"""A broker ends a segment after a week, and deletes it a topic's retention after its last record."""
TOPICS_MS = max(SPECS[name].retention_s or 0 for name in (Topic.EVENTS, Topic.REJECTS, Topic.METRICS)) * 1000
KEPT_MS = TOPICS_MS + SEGMENT_MS
"""So long a topic may still hold something of a subject, and its hashes are known, so that it does not come back."""
RACE_MS = 10 * MINUTE_MS
"""An insert that began before the subject was noted is over by then."""
SKETCHES = ("cells_settled", "cells_hourly", "cells_daily", "units_daily", "places_daily", "funnels_daily")
COLUMNS = ("account_id", "trial_id", "pseudonym", "asked_at", "until", "events_at", "sketches_at", "noted_at")


@dataclass(frozen=True, slots=True)
class ForgetRequest:
    """Who is to be forgotten: by the account's hash, and by each trial's."""

    account_id: str
    first_step: str
    by_trial: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ForgetState:
    """How far that is; times in Unix ms, 0 where it is not done."""

    asked_ms: int
    events_ms: int
    sketches_ms: int
    topics_until_ms: int


@dataclass(frozen=True, slots=True)
class _Entry:
    account_id: str
    trial_id: str
    pseudonym: str
    asked_ms: int
    until_ms: int
    events_ms: int
    sketches_ms: int

    def row(self, now_ms: int) -> list[Any]:
        times = (self.asked_ms, self.until_ms, self.events_ms, self.sketches_ms, now_ms)
        return [self.account_id, self.trial_id, self.pseudonym, *map(moment, times)]


def note_forget(client: Client, request: ForgetRequest, now_ms: int) -> ForgetState:
    """Note that *request* is to be carried out, and return how far that is. To ask again begins nothing anew."""
    known = {entry.pseudonym: entry for entry in _entries(client) if entry.account_id == request.account_id}
    wanted = {request.first_step: "", **{pseudonym: trial for trial, pseudonym in request.by_trial.items()}}
    until_ms = now_ms + KEPT_MS
    new = [
        _Entry(request.account_id, trial, pseudonym, now_ms, until_ms, 0, 0)
        for pseudonym, trial in wanted.items()
        if pseudonym not in known
    ]
    _write(client, new, now_ms)
    entries = [*new, *(known[pseudonym] for pseudonym in wanted if pseudonym in known)]
    return ForgetState(
        min(entry.asked_ms for entry in entries),
        _all_done(entry.events_ms for entry in entries),
        _all_done(entry.sketches_ms for entry in entries),
        max(entry.until_ms for entry in entries),
    )


class ForgetJob:
    """Carries out what is noted. Belongs to the settler's thread, so that nothing settles meanwhile."""

    def __init__(self, clickhouse: ClickHouse, clock: Clock) -> None:
        self._clickhouse = clickhouse
        self._clock = clock
        self._rejects_ms = 0
        self._registers_ms = 0

    def run_once(self) -> bool:
        """Go on with all that is noted, and tell whether there is more to do soon. Raises `ClickHouseError`."""
        client, now_ms = self._clickhouse.writer(), self._clock.now_ms()
        entries = _entries(client)
        if any(entry.until_ms <= now_ms for entry in entries):
            _command(client, "forget_entries", {"until_ms": now_ms})
            entries = [entry for entry in entries if entry.until_ms > now_ms]
        if not entries:
            return False
        self._forget_rejects(client, entries, now_ms)
        done = self._forget_events(client, [entry for entry in entries if _is_open(entry, now_ms)], now_ms)
        entries = [done.get(entry.pseudonym, entry) for entry in entries]
        self._forget_registers(client, entries, now_ms)
        self._renew_sketches(client, [entry for entry in entries if not entry.sketches_ms], now_ms)
        return any(not entry.sketches_ms or _is_open(entry, now_ms) for entry in _entries(client))

    def _forget_rejects(self, client: Client, entries: Sequence[_Entry], now_ms: int) -> None:
        firsts = [entry for entry in entries if not entry.trial_id]
        if any(not entry.events_ms for entry in firsts):
            self._rejects_ms = 0
        parameters = {
            "accounts": sorted({entry.account_id for entry in firsts}),
            "first_steps": [entry.pseudonym for entry in firsts],
            "since_ms": self._rejects_ms,
        }
        if firsts and _count(client, "count_rejects_of_forgotten", parameters):
            _command(client, "forget_rejects", parameters)
        self._rejects_ms = now_ms - LOOK_BACK_MS

    def _forget_events(self, client: Client, entries: Sequence[_Entry], now_ms: int) -> dict[str, _Entry]:
        """Take the subjects of *entries* out of the events; return the entries as they are then."""
        if not entries:
            return {}
        parameters = _parameters(entries)
        touched = client.query(query("forgotten_touches"), parameters=parameters).result_rows
        if touched:
            sessions = [
                str(row[0]) for row in client.query(query("forgotten_sessions"), parameters=parameters).result_rows
            ]
            # Before the events: what is cut short in between is only settled once more.
            rows = [[product, block, 1, moment(now_ms)] for product, block, _ in touched]
            _insert(client, "touched_blocks", ("product_id", "block", "rows", "touched_at"), rows)
            # An extract holds single events, with people as numbers: by their times the subject would be found.
            trials = sorted({str(trial) for _, _, found in touched for trial in found})
            _command(client, "forget_extracts", {"trials": trials})
            late = [
                str(row[0]) for row in client.query(query("forgotten_late_lines"), parameters=parameters).result_rows
            ]
            _command(client, "forget_late_lines", {**parameters, "event_ids": late})
            _command(client, "forget_events", {**parameters, "sessions": sessions})
            log.info("subjects are taken out of events", blocks=len(touched))
        changed = [entry for entry in entries if touched or not entry.events_ms]
        done = {entry.pseudonym: _Entry(*_before_times(entry), events_ms=now_ms, sketches_ms=0) for entry in changed}
        _write(client, list(done.values()), now_ms)
        return done

    def _forget_registers(self, client: Client, entries: Sequence[_Entry], now_ms: int) -> None:
        """Empty the registers of the live cells that the subjects were in; new ones come while an entry stands."""
        since_ms = 0 if any(not entry.sketches_ms for entry in entries) else self._registers_ms
        parameters = {**_parameters(entries), "since_ms": since_ms}
        cells = [int(row[0]) for row in client.query(query("forgotten_cells"), parameters=parameters).result_rows]
        if cells:
            _command(client, "forget_registers", {**parameters, "cells": cells})
        self._registers_ms = now_ms - DAY_MS

    def _renew_sketches(self, client: Client, entries: Sequence[_Entry], now_ms: int) -> None:
        """Once all sketches are made anew, destroy their earlier versions, which hold the subjects until then."""
        if not entries:
            return
        parameters = _parameters(entries)
        if _count(client, "old_sketches", {**parameters, "run": max(e.events_ms for e in entries) << RUN_BITS}):
            return
        months = [str(row[0]) for row in client.query(query("forgotten_months"), parameters=parameters).result_rows]
        for table in SKETCHES:
            for month in _held(client, table, months):
                client.command(f"OPTIMIZE TABLE {table} PARTITION ID '{month}' FINAL")
        _write(client, [_Entry(*_before_times(e), events_ms=e.events_ms, sketches_ms=now_ms) for e in entries], now_ms)


def _entries(client: Client) -> list[_Entry]:
    rows = client.query(query("forgotten_entries")).result_rows
    return [_Entry(str(row[0]), str(row[1]), str(row[2]), *(int(ms) for ms in row[3:])) for row in rows]


def _before_times(entry: _Entry) -> tuple[str, str, str, int, int]:
    return entry.account_id, entry.trial_id, entry.pseudonym, entry.asked_ms, entry.until_ms


def _is_open(entry: _Entry, now_ms: int) -> bool:
    return not entry.events_ms or now_ms < entry.asked_ms + RACE_MS


def _all_done(times: Any) -> int:
    found = list(times)
    return max(found) if all(found) else 0


def _parameters(entries: Collection[_Entry]) -> dict[str, Any]:
    trials = {entry.trial_id for entry in entries if entry.trial_id}
    return {
        # What was tried out stands beside the trial's own.
        "trials": sorted(trials | {SANDBOX_PREFIX + trial for trial in trials}),
        "pseudonyms": [entry.pseudonym for entry in entries],
    }


def _held(client: Client, table: str, months: Collection[str]) -> list[str]:
    rows = client.query(
        "SELECT DISTINCT partition_id FROM system.parts WHERE active AND database = currentDatabase() "
        "AND table = {table:String} AND partition_id IN {months:Array(String)}",
        parameters={"table": table, "months": list(months)},
    ).result_rows
    return sorted(str(row[0]) for row in rows)


def _count(client: Client, name: str, parameters: Mapping[str, Any]) -> int:
    return int(client.query(query(name), parameters=dict(parameters)).result_rows[0][0])


def _command(client: Client, name: str, parameters: Mapping[str, Any]) -> None:
    """Change rows, and return when they are changed: what follows counts on it."""
    client.command(query(name), parameters=dict(parameters), settings={"mutations_sync": 2})


def _write(client: Client, entries: Sequence[_Entry], now_ms: int) -> None:
    if entries:
        _insert(client, "forgotten_subjects", COLUMNS, [entry.row(now_ms) for entry in entries])


def _insert(client: Client, table: str, columns: Sequence[str], rows: Sequence[Sequence[str | int | datetime]]) -> None:
    client.insert(table, rows, column_names=columns, settings={"async_insert": 0})
