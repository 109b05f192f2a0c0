"""What must be in the store and in the numbers, worked out from ledgers alone: plain Python, none of our own counting.

An event of a batch account is told by the ledger; its place is looked up in the registry file; its cell and whether it
is late follow from `counting.md`'s sentences, written down here once more.
"""

import json
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.stack import BATCH_ACCOUNT, Stack

MINUTE_S = 60
BLOCK_S = 300
# The defaults of the epoch.
GRACE_S = 120

SUMS = ("events", "failed", "abandoned", "duration_ms_sum", "amount_fen_sum", "rating_sum")


class Cell(NamedTuple):
    """What a row of `metrics_by_minute` is about; `minute_s` is its start, Unix seconds."""

    product_id: str
    trial_id: str
    platform: str
    placement_id: str
    arm: str
    kind: str
    minute_s: int

    @property
    def block(self) -> tuple[str, int]:
        """The five minutes of its product that are settled together."""
        return self.product_id, self.minute_s - self.minute_s % BLOCK_S


@dataclass(frozen=True, slots=True)
class Told:
    """An event that must be stored, with the place that the registry gives it."""

    product_id: str
    trial_id: str
    platform: str
    placement_id: str
    arm: str
    kind: str
    occurred_ms: int
    outcome: str = ""
    duration_ms: int | None = None
    amount_fen: int | None = None
    rating: int | None = None

    @property
    def cell(self) -> Cell:
        """Where it counts."""
        minute_s = self.occurred_ms // 1000 // MINUTE_S * MINUTE_S
        return Cell(self.product_id, self.trial_id, self.platform, self.placement_id, self.arm, self.kind, minute_s)

    def is_late(self, received_ms: int) -> bool:
        """Tell whether it came too late for the live cells."""
        return received_ms > (self.cell.minute_s + MINUTE_S + GRACE_S) * 1000

    @property
    def sums(self) -> tuple[int, ...]:
        """What it adds to its cell, in the order of `SUMS`."""
        return (
            1,
            int(self.outcome == "failed"),
            int(self.outcome == "abandoned"),
            self.duration_ms or 0,
            self.amount_fen or 0,
            self.rating or 0,
        )


@dataclass(frozen=True, slots=True)
class Truth:
    """What batches told: events by id, and kept rejects by (reason, payload)."""

    events: Mapping[str, Told] = field(default_factory=dict)
    rejects: frozenset[tuple[str, str]] = frozenset()


def read_ledgers(stack: Stack) -> Truth:
    """Return what the batches in *stack*'s ledgers must have come to; fail where one was not answered as it must be."""
    places = _Places(stack.registry)
    events: dict[str, Told] = {}
    rejects: set[tuple[str, str]] = set()
    for line in _lines(stack.ledgers):
        assert line["as_expected"], f"not as expected: {line}"
        if line["account"] != BATCH_ACCOUNT or line["flow"] != "events":
            continue
        if line["expected"] in {"accepted", "duplicate"}:
            events[line["event_id"]] = places.told(line)
        elif line["expected"] == "rejected":
            rejects.add((line["expected_reason"], line["event"]))
    return Truth(events, frozenset(rejects))


def native_ids(stack: Stack) -> tuple[dict[str, set[str]], Counter[str]]:
    """Return the native events that must be stored: their ids by account, and how many there are without a known id."""
    known: dict[str, set[str]] = defaultdict(set)
    unnamed: Counter[str] = Counter()
    for line in _lines(stack.ledgers):
        if line["flow"] == "events" or line["expected"] not in {"accepted", "duplicate"}:
            continue
        if line["event_id"]:
            known[line["account"]].add(line["event_id"])
        elif line["expected"] == "accepted":
            unnamed[line["account"]] += 1
    return known, unnamed


def _lines(ledgers: Iterable[Path]) -> Iterator[dict[str, Any]]:
    for path in ledgers:
        with path.open() as file:
            for line in file:
                yield json.loads(line)


class _Places:
    """The registry file, read by a reader of its own."""

    def __init__(self, path: Path) -> None:
        tree = tomllib.loads(path.read_text())
        self._placements = {item["id"]: item for item in tree["placements"]}
        self._product_of = {item["id"]: item["product"] for item in tree["trials"]}
        self._trial_of = {item["product"]: item["id"] for item in tree["trials"]}
        self._platform_of = {item["id"]: item["platform"] for item in tree["accounts"]}

    def told(self, line: Mapping[str, Any]) -> Told:
        """Return the event in a ledger's *line* with its place."""
        event = line["event"]
        placement = self._placements.get(event.get("placement_id"), {})
        trial_id = placement.get("trial") or self._trial_of[event["product_id"]]
        occurred = datetime.fromisoformat(event["occurred_at"])
        return Told(
            product_id=self._product_of[trial_id],
            trial_id=trial_id,
            platform=self._platform_of[line["account"]],
            placement_id=event.get("placement_id", ""),
            arm=_arm_on(placement, occurred) or event.get("arm", ""),
            kind=event["kind"],
            occurred_ms=_ms(occurred),
            outcome=event.get("outcome") or "",
            duration_ms=event.get("duration_ms"),
            amount_fen=event.get("amount_fen"),
            rating=event.get("rating"),
        )


def _arm_on(placement: Mapping[str, Any], occurred: datetime) -> str:
    """Return the arm of *placement* on the street's day of *occurred*: the one whose days name it, else the usual."""
    day = str(occurred.astimezone(timezone(timedelta(hours=8))).date())
    others = placement.get("arm_days", {}).items()
    return next((str(arm) for arm, days in others if day in map(str, days)), str(placement.get("arm", "")))


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of `events`."""

    account_id: str
    event_id: str
    told: Told
    received_ms: int


def stored_events(stack: Stack) -> list[Stored]:
    """Return all rows of the view `events`."""
    rows = stack.rows(
        "SELECT account_id, event_id, product_id, trial_id, platform, placement_id, arm, kind, "
        "toString(toUnixTimestamp64Milli(occurred_at)) AS occurred_ms, outcome, duration_ms, "
        "toString(amount_fen) AS amount_fen, rating, toString(toUnixTimestamp64Milli(received_at)) AS received_ms "
        "FROM events"
    )
    return [_stored(row) for row in rows]


def _stored(row: dict[str, Any]) -> Stored:
    account_id, event_id, received_ms = row.pop("account_id"), row.pop("event_id"), int(row.pop("received_ms"))
    amount, occurred_ms = row.pop("amount_fen"), int(row.pop("occurred_ms"))
    told = Told(**row, amount_fen=None if amount is None else int(amount), occurred_ms=occurred_ms)
    return Stored(account_id, event_id, told, received_ms)


def shown_cells(stack: Stack) -> dict[Cell, tuple[int, ...]]:
    """Return what readers see: the sums of each row of `metrics_by_minute`."""
    sums = ", ".join(f"toString({name}) AS {name}" for name in SUMS)
    cell = "product_id, trial_id, platform, placement_id, arm, kind, toUnixTimestamp(minute) AS minute_s"
    rows = stack.rows(f"SELECT {cell}, {sums} FROM metrics_by_minute")  # noqa: S608 - names from above
    return {Cell(*(row[name] for name in Cell._fields)): tuple(int(row[name]) for name in SUMS) for row in rows}


def settled_blocks(stack: Stack) -> set[tuple[str, int]]:
    """Return the blocks (product, start in Unix seconds) that were settled."""
    rows = stack.rows("SELECT DISTINCT product_id, toUnixTimestamp(block) AS block_s FROM settled_blocks")
    return {(row["product_id"], row["block_s"]) for row in rows}


def cells_of(events: Iterable[Told]) -> dict[Cell, tuple[int, ...]]:
    """Return the sums of each cell of *events*."""
    sums: dict[Cell, list[int]] = defaultdict(lambda: [0] * len(SUMS))
    for told in events:
        cell = sums[told.cell]
        for index, value in enumerate(told.sums):
            cell[index] += value
    return {cell: tuple(values) for cell, values in sums.items()}


def moment(minute_s: int) -> str:
    """Return a time for people."""
    return datetime.fromtimestamp(minute_s, UTC).isoformat()


def assert_all_is_counted_once(stack: Stack) -> Truth:
    """Fail unless rows, rejects and cells are what the ledgers say, to the last fen; every sum closes.

    An event that came late is in the numbers once its block is settled, and not before. Native events are told by
    their stored rows, after their ids were compared.
    """
    reconciled = stack.reconcile()
    assert reconciled["ok"], [item for item in reconciled["sums"] if not item["closed"]] + reconciled["differences"]
    truth = read_ledgers(stack)
    stored = stored_events(stack)
    _assert_rows(truth, stored)
    _assert_native(stack, stored)
    _assert_rejects(stack, truth)
    _assert_cells(stack, truth, stored)
    return truth


def _assert_rows(truth: Truth, stored: list[Stored]) -> None:
    rows = [item for item in stored if item.account_id == BATCH_ACCOUNT]
    by_id = {item.event_id: item.told for item in rows}
    assert len(rows) == len(by_id), "an event stands twice"
    assert not by_id.keys() - truth.events.keys(), "rows that nobody sent"
    assert not truth.events.keys() - by_id.keys(), "events that are lost"
    differing = [(told, by_id[name]) for name, told in truth.events.items() if by_id[name] != told]
    assert not differing, f"{len(differing)} rows differ from what was sent: {differing[:3]}"


def _assert_native(stack: Stack, stored: list[Stored]) -> None:
    known, unnamed = native_ids(stack)
    for account in known.keys() | unnamed.keys():
        rows = [item.event_id for item in stored if item.account_id == account]
        assert not known[account] - set(rows), f"native events of {account} are lost"
        assert len(rows) == len(set(rows))


def _assert_rejects(stack: Stack, truth: Truth) -> None:
    told = Counter(reason for reason, _ in truth.rejects)
    rows = stack.rows(
        "SELECT account_id, reason, toUInt32(count()) AS kept FROM rejects WHERE flow = 'events' "
        "GROUP BY account_id, reason"
    )
    assert {row["reason"]: row["kept"] for row in rows if row["account_id"] == BATCH_ACCOUNT} == dict(told)


def _assert_cells(stack: Stack, truth: Truth, stored: list[Stored]) -> None:
    differing = differing_cells(stack, truth, stored)
    assert not differing, f"{len(differing)} cells differ (must, shown): {list(differing.items())[:5]}"


def differing_cells(stack: Stack, truth: Truth, stored: list[Stored]) -> dict[Cell, tuple[Any, Any]]:
    """Return the cells that are not what the ledgers say: what they must be, and what is shown."""
    settled, shown = _between_settlements(stack)
    received = {item.event_id: item.received_ms for item in stored if item.account_id == BATCH_ACCOUNT}
    events = [(told, received[name]) for name, told in truth.events.items() if name in received]
    events += [(item.told, item.received_ms) for item in stored if item.account_id != BATCH_ACCOUNT]
    must = cells_of(told for told, at_ms in events if told.cell.block in settled or not told.is_late(at_ms))
    return {
        cell: (must.get(cell), shown.get(cell))
        for cell in must.keys() | shown.keys()
        if must.get(cell) != shown.get(cell)
    }


def _between_settlements(stack: Stack) -> tuple[set[tuple[str, int]], dict[Cell, tuple[int, ...]]]:
    """Return the settled blocks and the cells as of one moment, in which no block was settled for the first time."""
    settled = settled_blocks(stack)
    while True:
        shown = shown_cells(stack)
        after = settled_blocks(stack)
        if after == settled:
            return settled, shown
        settled = after
