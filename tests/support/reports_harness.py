"""A small street for tests of the read side: two startups, made-up events, and rows in the store as the sink writes them."""

import hashlib
import json
import math
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from registry.directory import Directory
from reports.queries.context import QueryContext
from runtime.clickhouse import ClickHouse
from schemas.cells import CellRow, duration_bin, register_of
from schemas.lines import StoredEvent, encode_record, fill_positions
from schemas.registry import AccessKey, Epoch, Registry
from schemas.timing import block_of, minute_of
from schemas.topics import Topic, partition_of
from tests.support.factories import stored_event

HOUR = 3_600_000
DAY = 24 * HOUR
PARTITIONS = 4


def at(text: str) -> int:
    """Return a time of Shanghai, like '2026-11-20T10:15', in Unix ms."""
    return round(datetime.fromisoformat(f"{text}+08:00").timestamp() * 1000)


START = at("2026-11-20T00:00")
NOW = at("2026-11-22T12:03")
KEYS = {
    "startup:calmwave": "cw-key",
    "startup:limbus": "lb-key",
    "programme": "pg-key",
    "account:sunmi-main": "ac-key",
    "operator": "op-key",
}


def registry(**changes: Any) -> Registry:
    """Return the street's registry; *changes* replace whole lists."""

    def placement(name: str, trial: str, arm: str, account: str, metre: float, **more: Any) -> dict[str, Any]:
        times = {"from": "2026-11-20T00:00:00+08:00", "until": "2026-12-20T00:00:00+08:00"}
        return {
            "id": name,
            "trial": trial,
            "arm": arm,
            "account": account,
            "metre": metre,
            "side": "north",
            **times,
            **more,
        }

    def trial(name: str, product: str, arms: list[str], metric: str) -> dict[str, Any]:
        text = {"zh": "假设", "en": "hypothesis"}
        times = {"starts": "2026-11-20T00:00:00+08:00", "ends": "2026-12-20T00:00:00+08:00"}
        return {"id": name, "product": product, "arms": arms, "hypothesis": text, "primary_metric": metric, **times}

    tree: dict[str, Any] = {
        "demo": True,
        "avenue": {"id": "street", "name": {"zh": "街", "en": "street"}, "length_m": 200},
        "startups": [{"id": i, "name": {"zh": i, "en": i}} for i in ("calmwave", "limbus")],
        "products": [
            {"id": "neuro-band", "startup": "calmwave", "name": {"zh": "环", "en": "band"}},
            {"id": "emg-arm", "startup": "limbus", "name": {"zh": "臂", "en": "arm"}},
        ],
        "trials": [
            trial("neuro", "neuro-band", ["baseline", "pilot"], "success_rate"),
            trial("emg", "emg-arm", ["pilot"], "duration_p50"),
        ],
        "accounts": [
            {"id": "sunmi-main", "platform": "sunmi", "products": ["neuro-band", "emg-arm"]},
            {"id": "douyin-main", "platform": "douyin"},
        ],
        "placements": [
            placement("p-1", "neuro", "pilot", "sunmi-main", 17, heartbeat_s=3600),
            placement("p-2", "neuro", "baseline", "sunmi-main", 18, hours={"opens": "09:00", "closes": "21:30"}),
            placement("p-3", "neuro", "pilot", "douyin-main", 19),
            placement("p-9", "emg", "pilot", "douyin-main", 40),
        ],
    }
    return Registry.model_validate({**tree, **changes})


def directory(**changes: Any) -> Directory:
    """Return the directory of `registry`, with a key of every scope and one epoch."""
    keys = [
        AccessKey(
            id=f"k-{n}",
            scope=scope,
            sha256=hashlib.sha256(key.encode()).hexdigest(),
            prefix=key[:2],
            created_at=datetime.fromtimestamp(START / 1000, UTC),
        )
        for n, (scope, key) in enumerate(KEYS.items())
    ]
    epoch = Epoch(
        number=1,
        topic_id="t",
        partitions=PARTITIONS,
        grace_ms=120_000,
        lead_ms=300_000,
        slack_ms=60_000,
        began_at=datetime.fromtimestamp(START / 1000, UTC),
    )
    return Directory(version=1, registry=registry(**changes), keys={k.sha256: k for k in keys}, epochs=(epoch,))


def event(n: int, **fields: Any) -> StoredEvent:
    """Return one accepted event of trial neuro."""
    base: dict[str, Any] = {
        "trial_id": "neuro",
        "placement_id": "p-1",
        "arm": "pilot",
        "occurred_ms": START + n * 60_000,
        "attributes": msgspec.Raw(b"{}"),
        **fields,
    }
    return stored_event(**({"event_id": f"e-{n}", "received_ms": base["occurred_ms"] + 500} | base))


PLACES = {
    "p-1": ("pilot", "sunmi-main", "sunmi"),
    "p-2": ("baseline", "sunmi-main", "sunmi"),
    "p-3": ("pilot", "douyin-main", "douyin"),
}
KINDS = (
    "exposure",
    "interaction",
    "use.started",
    "use.completed",
    "use.completed",
    "order.paid",
    "order.refunded",
    "trade_in.completed",
    "rating.given",
)


def made_up(count: int, *, seed: int = 1, days: float = 2.5) -> list[StoredEvent]:
    """Return *count* events of trial neuro over *days* from its start, of every kind that a metric reads."""
    rng = random.Random(seed)
    found = []
    for n in range(count):
        place = rng.choice(list(PLACES))
        arm, account, platform = PLACES[place]
        kind = rng.choice(KINDS)
        fields: dict[str, Any] = {
            "placement_id": place,
            "arm": arm,
            "account_id": account,
            "platform": platform,
            "kind": kind,
        }
        fields["subject"] = rng.choice(
            [
                "",
                *(f"{rng.getrandbits(128):032x}",),
                *(f"{k * 0x9E3779B97F4A7C15 % 2**64:016x}{k:016x}" for k in (rng.randrange(60),)),
            ]
        )
        fields["session_id"] = f"{rng.getrandbits(64):016x}{n:016x}" if rng.random() < 0.5 else ""
        if kind == "use.completed":
            fields["outcome"] = rng.choices(["ok", "failed", "abandoned"], [7, 2, 1])[0]
            fields["duration_ms"] = rng.choice([None, int(rng.lognormvariate(8, 1))])
        if kind.startswith("order"):
            fields["amount_fen"] = rng.randrange(1, 9000)
        if kind == "rating.given" or rng.random() < 0.1:
            fields["rating"] = rng.randrange(1, 6)
        fields["occurred_ms"] = START + rng.randrange(int(days * DAY))
        found.append(event(n, **fields))
    return found


CELL_KEY = ("product_id", "trial_id", "platform", "placement_id", "arm", "kind")


def cells_of(events: Iterable[StoredEvent], version: int = 1) -> list[CellRow]:
    """Return the cells of *events*, in plain Python."""
    groups: dict[tuple[Any, ...], list[StoredEvent]] = defaultdict(list)
    for e in events:
        groups[(*(getattr(e, name) for name in CELL_KEY), minute_of(e.occurred_ms))].append(e)
    return [cell_of(key, group, version) for key, group in groups.items()]


def cell_of(key: tuple[Any, ...], group: list[StoredEvent], version: int = 1) -> CellRow:
    """Return the cell of *group*, in plain Python."""
    durations = [e.duration_ms for e in group if e.duration_ms is not None]
    bins: dict[int, int] = defaultdict(int)
    for duration in durations:
        bins[duration_bin(duration)] += 1
    amounts = [e.amount_fen for e in group if e.amount_fen is not None]
    ratings = [e.rating for e in group if e.rating is not None]
    return CellRow(
        **dict(zip(CELL_KEY, key, strict=False)),
        minute_ms=key[-1],
        epoch=1,
        partition=partition_of(key[0], PARTITIONS),
        version=version,
        events=len(group),
        failed=sum(e.outcome == "failed" for e in group),
        abandoned=sum(e.outcome == "abandoned" for e in group),
        duration_count=len(durations),
        duration_ms_sum=sum(durations),
        duration_bins=sorted(bins),
        duration_counts=[bins[b] for b in sorted(bins)],
        amount_count=len(amounts),
        amount_fen_sum=sum(amounts),
        rating_count=len(ratings),
        rating_sum=sum(ratings),
        subjects=_registers(e.subject for e in group),
        sessions=_registers(e.session_id for e in group),
        first_ms=min(e.occurred_ms for e in group),
        last_ms=max(e.occurred_ms for e in group),
    )


def _registers(hashes: Iterable[str]) -> list[int]:
    found: dict[int, int] = {}
    for packed in (register_of(h) for h in hashes if h):
        found[packed >> 6] = max(packed, found.get(packed >> 6, 0))
    return sorted(found.values())


@dataclass
class World:
    """A store with rows of made-up events, and the context to ask it."""

    clickhouse: ClickHouse
    directory: Directory = field(default_factory=directory)
    now_ms: int = NOW
    offset: int = 0

    def context(self, **changes: Any) -> QueryContext:
        return QueryContext(
            **{"client": self.clickhouse.reader(), "directory": self.directory, "now_ms": self.now_ms, **changes}
        )

    def store(self, events: Iterable[StoredEvent]) -> None:
        """Store *events* as the sink does."""
        lines = list(events)
        columns = ["epoch", "partition", "offset", "line", *StoredEvent.__struct_fields__]
        for start in range(0, len(lines), 500):
            record = encode_record(msgspec.json.encode(e) for e in lines[start : start + 500])
            value, _ = fill_positions(
                record, epoch=1, partition=partition_of("neuro-band", PARTITIONS), offset=self.offset
            )
            self._insert("pilot_events", value, columns)
            self.offset += 1

    def live(self, cells: Iterable[CellRow]) -> None:
        """Store *cells* as the worker's."""
        self._insert("cells_live", _lines(cells), list(CellRow.__struct_fields__))

    def settle(self, cells: Iterable[CellRow], *, run: int = 1, unexplained: int = 0, rows: int | None = None) -> None:
        """Store *cells* as settled, with their blocks."""
        found = list(cells)
        rows_of: dict[tuple[str, int], int] = defaultdict(int)
        lines = []
        for cell in found:
            tree = msgspec.to_builtins(cell)
            for name in ("minute_ms", "epoch", "partition", "version"):
                tree.pop(name, None)
            block = block_of(cell.minute_ms)
            rows_of[cell.product_id, block] += cell.events
            lines.append({**tree, "minute": cell.minute_ms // 1000, "block": block // 1000, "run": run})
        if lines:
            self._insert(
                "cells_settled",
                b"\n".join(json.dumps(line).encode() for line in lines),
                sorted({k for line in lines for k in line}),
            )
        blocks = [
            {
                "product_id": p,
                "block": b // 1000,
                "run": run,
                "settled_at": NOW // 1000,
                "rows": n if rows is None else rows,
                "unexplained": unexplained,
            }
            for (p, b), n in rows_of.items()
        ]
        self.insert("settled_blocks", blocks)

    def mark_complete(self, until_ms: int) -> None:
        """Say that worker and sink have read everything up to *until_ms*."""
        from sinks.consumer.rows import joined
        from sinks.consumer.tables import StoreTable
        from sinks.consumer.writer import ClickHouseRowWriter

        writer = ClickHouseRowWriter(self.clickhouse, timeout_s=30)
        products = {marked for product in self.directory.products for marked in (product, f"sandbox.{product}")}
        partitions = {partition_of(product, PARTITIONS) for product in products}
        marks = {"watermark_ms": until_ms, "read_to_end_ms": until_ms, "next_offset": self.offset}
        place = {"topic": Topic.EVENTS.value, "epoch": 1}
        writer.write(
            joined(StoreTable.POSITIONS, [place | marks | {"partition": p} for p in partitions]), token=f"p{until_ms}"
        )
        source = {"epoch": 1, "version": self.offset, "next_offset": self.offset, "watermark_ms": until_ms}
        writer.write(joined(StoreTable.SOURCES, [source | {"partition": p} for p in partitions]), token=f"s{until_ms}")

    def insert(self, table: str, rows: list[dict[str, Any]]) -> None:
        """Store *rows*."""
        if rows:
            self._insert(
                table,
                b"\n".join(json.dumps(row).encode() for row in rows),
                sorted({name for row in rows for name in row}),
            )

    def _insert(self, table: str, block: bytes, columns: list[str]) -> None:
        if block:
            self.clickhouse.writer().raw_insert(table, column_names=columns, insert_block=block, fmt="JSONEachRow")


def _lines(rows: Iterable[Any]) -> bytes:
    return b"\n".join(msgspec.json.encode(row) for row in rows)


def sketched(hashes: set[str]) -> int:
    """Return the HyperLogLog estimate of *hashes*, in plain Python."""
    ranks: dict[int, int] = {}
    for packed in map(register_of, hashes):
        ranks[packed >> 6] = max(packed & 63, ranks.get(packed >> 6, 0))
    empty = 1024 - len(ranks)
    raw = 0.7213 / (1 + 1.079 / 1024) * 1024**2 / (empty + sum(2.0**-rank for rank in ranks.values()))
    return round(1024 * math.log(1024 / empty)) if raw <= 2560 and empty else round(raw)


def expected(metric: str, events: list[StoredEvent]) -> tuple[float | None, int]:
    """Return the value and n of *metric* over *events*, in plain Python, people and quantiles exactly."""

    def of(kind: str, outcome: str = "") -> list[StoredEvent]:
        return [e for e in events if e.kind == kind and outcome in {"", e.outcome}]

    uses, paid, refunded = of("use.completed"), of("order.paid"), of("order.refunded")
    durations = sorted(e.duration_ms for e in uses if e.duration_ms is not None)
    ratings = [e.rating for e in events if e.rating is not None]
    revenue = sum(e.amount_fen or 0 for e in paid) - sum(e.amount_fen or 0 for e in refunded)
    known: dict[str, tuple[float | None, int]] = {
        "events": _count(events),
        "subjects": (len({e.subject for e in events} - {""}), len(events)),
        "sessions": (len({e.session_id for e in events} - {""}), len(events)),
        "exposures": _count(of("exposure")),
        "interactions": _count(of("interaction")),
        "starts": _count(of("use.started")),
        "completions": _count(of("use.completed", "ok")),
        "success_rate": _ratio(len(of("use.completed", "ok")), len(uses)),
        "failure_rate": _ratio(len(of("use.completed", "failed")), len(uses)),
        "abandon_rate": _ratio(len(of("use.completed", "abandoned")), len(uses)),
        "duration_mean": _ratio(sum(durations), len(durations)),
        "duration_p50": _ranked(durations, 50),
        "duration_p95": _ranked(durations, 95),
        "orders": _count(paid),
        "revenue_fen": (revenue, len(paid) + len(refunded)),
        "refund_rate": _ratio(len(refunded), len(paid)),
        "trade_ins": _count(of("trade_in.completed")),
        "rating_mean": _ratio(sum(ratings), len(ratings)),
    }
    return known[metric]


def _count(events: list[StoredEvent]) -> tuple[float, int]:
    return len(events), len(events)


def _ranked(values: list[int], percent: int) -> tuple[float | None, int]:
    return (values[-(-len(values) * percent // 100) - 1] if values else None), len(values)


def _ratio(top: int, bottom: int) -> tuple[float | None, int]:
    return (top / bottom if bottom else None), bottom
