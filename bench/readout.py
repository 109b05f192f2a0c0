"""What a readout of every metric costs in CPU, by what the trial's design allows to be compared.

    python -m bench.readout [--rounds 30] [--days 60] [--uses 40]

Makes one trial of each design in a store of its own, of equal days, places and uses, and sums its days as the road
does; then asks for each readout in turn, so that what else the machine does falls on all of them. "kept" is what a
server asks again and again, days that are over kept in the process; "first" is the first sight of a trial. CPU is of
the whole process, the engine's threads too.
"""

import argparse
import gc
import hashlib
import json
import math
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from bench.machine import RESULTS, machine, min_and_median
from bench.query_store import roll_days
from registry.directory import Directory
from reports.queries.context import QueryContext, RollupCache
from reports.queries.readout import readout
from runtime.clickhouse import ClickHouse
from runtime.settings import ClickHouseSettings
from schemas.registry import AccessKey, Epoch, Registry
from schemas.timing import BLOCK_MS, DAY_MS, HOUR_MS
from schemas.topics import partition_of
from sinks.clickhouse.migrate import migrate

SHANGHAI = timezone(timedelta(hours=8))
NOW_MS = int(datetime(2026, 11, 22, 18, 4, tzinfo=SHANGHAI).timestamp() * 1000)
TODAY_MS = int(datetime(2026, 11, 22, tzinfo=SHANGHAI).timestamp() * 1000)
PARTITIONS = 4
PLACES = 6
BEFORE = 14
ARMS = ("baseline", "pilot")
DESIGNS = ("switching", "before and after", "side by side")
RESULT = RESULTS / "readout.json"


@dataclass(frozen=True, slots=True)
class Stay:
    """One placement: a place in an arm, for so many whole days of the trial's."""

    trial: str
    place: int
    arm: int
    first: int
    last: int

    @property
    def id(self) -> str:
        """Its id."""
        return f"{self.trial}-{self.place}-{self.first + BEFORE}"


def stays(design: str, days: int) -> Iterator[Stay]:
    """Give the placements of the trial of *design*."""
    trial = design.replace(" ", "-")
    for place in range(PLACES):
        if design == "switching":
            yield from (Stay(trial, place, (place + day) % 2, day, day + 1) for day in range(days))
        else:
            yield Stay(trial, place, place % 2, -BEFORE if design == "before and after" else 0, days)


def directory(days: int) -> Directory:
    """Return the registry: a product, a trial and its placements for each design."""
    first_ms = TODAY_MS - (days - 1) * DAY_MS
    began = datetime.fromtimestamp(first_ms / 1000, UTC)
    tree: dict[str, Any] = {
        "demo": True,
        "avenue": {"id": "street", "name": {"zh": "街", "en": "street"}, "length_m": 200},
        "startups": [{"id": "startup", "name": {"zh": "公司", "en": "startup"}}],
        "products": [
            {"id": _product(design), "startup": "startup", "name": {"zh": "品", "en": design}} for design in DESIGNS
        ],
        "trials": [_trial(design, first_ms, days) for design in DESIGNS],
        "accounts": [{"id": "sunmi-main", "platform": "sunmi"}],
        "placements": [_placement(stay, first_ms) for design in DESIGNS for stay in stays(design, days)],
    }
    key = AccessKey(id="k", scope="programme", sha256=hashlib.sha256(b"k").hexdigest(), prefix="k", created_at=began)
    epoch = Epoch(
        number=1, topic_id="t", partitions=PARTITIONS, grace_ms=120_000, lead_ms=300_000, slack_ms=60_000,
        began_at=began,
    )  # fmt: skip
    return Directory(version=1, registry=Registry.model_validate(tree), keys={key.sha256: key}, epochs=(epoch,))


def _product(design: str) -> str:
    return f"of-{design.replace(' ', '-')}"


def _trial(design: str, first_ms: int, days: int) -> dict[str, Any]:
    return {
        "id": design.replace(" ", "-"),
        "product": _product(design),
        "arms": list(ARMS),
        "hypothesis": {"zh": "假设", "en": "hypothesis"},
        "primary_metric": "success_rate",
        "guardrails": ["duration_p95"],
        "smallest_effect": 0.05,
        "planned_units": 2 * days * PLACES,
        "starts": _text(first_ms),
        "ends": _text(first_ms + 2 * days * DAY_MS),
        **({"baseline_from": _text(first_ms - BEFORE * DAY_MS)} if design == "before and after" else {}),
    }


def _placement(stay: Stay, first_ms: int) -> dict[str, Any]:
    return {
        "id": stay.id,
        "trial": stay.trial,
        "arm": ARMS[stay.arm],
        "place": f"{stay.trial}-{stay.place}",
        "account": "sunmi-main",
        "metre": 10 + stay.place,
        "side": "north",
        "from": _text(first_ms + stay.first * DAY_MS),
        "until": _text(first_ms + stay.last * DAY_MS),
        "hours": {"opens": "08:00", "closes": "22:00"},
    }


def _text(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, SHANGHAI).isoformat()


def events(design: str, days: int, uses: int) -> Iterator[dict[str, Any]]:
    """Give the rows of the trial's events: uses and what comes with them, places and days unlike each other."""
    rng, first_ms, number = random.Random(design), TODAY_MS - (days - 1) * DAY_MS, 0
    level = [rng.gauss(1.4, 0.5) for _ in range(PLACES)]
    for stay in stays(design, days):
        for day in range(stay.first, stay.last):
            chance = 1 / (1 + math.exp(-level[stay.place] - rng.gauss(0, 0.5)))
            for _ in range(rng.randrange(uses // 2, 2 * uses)):
                at_ms = first_ms + day * DAY_MS + 8 * HOUR_MS + rng.randrange(14 * HOUR_MS)
                number += 1
                if at_ms < NOW_MS:
                    yield _event(stay, day, at_ms, number, (chance, rng))


def _event(stay: Stay, day: int, at_ms: int, number: int, luck: tuple[float, random.Random]) -> dict[str, Any]:
    chance, rng = luck
    kind = rng.choices(["use.completed", "exposure", "order.paid", "rating.given"], [6, 2, 1, 1])[0]
    used, product = kind == "use.completed", f"of-{stay.trial}"
    return {
        "epoch": 1,
        "partition": partition_of(product, PARTITIONS),
        "offset": number // 500,
        "line": number % 500,
        "event_id": f"{stay.trial}-{number}",
        "account_id": "sunmi-main",
        "platform": "sunmi",
        "product_id": product,
        "trial_id": stay.trial,
        "placement_id": stay.id,
        "arm": ARMS[stay.arm] if day >= 0 else "",
        "kind": kind,
        "outcome": ("ok" if rng.random() < chance else "failed") if used else "",
        "occurred_at": at_ms / 1000,
        "received_at": at_ms / 1000 + 0.5,
        "subject": f"{rng.randrange(2000):032x}",
        "session_id": f"{number // 3:032x}",
        "duration_ms": int(rng.lognormvariate(9, 0.6)) if used else None,
        "amount_fen": rng.randrange(900, 19000) if kind == "order.paid" else None,
        "rating": rng.randrange(1, 6) if kind == "rating.given" else None,
        "attributes": "{}",
        "delivery_id": f"{number // 500:032x}",
    }


def make(store: ClickHouse, days: int, uses: int) -> int:
    """Fill *store*; return how many events there are."""
    migrate(store)
    count, client = 0, store.writer()
    for design in DESIGNS:
        rows = list(events(design, days, uses))
        block = b"\n".join(json.dumps(row).encode() for row in rows)
        client.raw_insert("pilot_events", column_names=list(rows[0]), insert_block=block, fmt="JSONEachRow")
        count += len(rows)
    blocks = (
        "INSERT INTO settled_blocks (product_id, block, run, settled_at, rows, touched_at, cause, cells, events, "
        "live_events) SELECT product_id, block, 1, now64(3), sum(t.rows), max(touched_at), 'closed', 0, sum(t.rows), "
        "sum(t.rows) FROM touched_blocks AS t WHERE block < toDateTime({until_s:UInt32}, 'UTC') "
        "GROUP BY product_id, block"
    )
    client.command(blocks, parameters={"until_s": (NOW_MS - NOW_MS % BLOCK_MS - 2 * BLOCK_MS) // 1000})
    if not roll_days(store):
        raise SystemExit("no day was summed")
    return count


def measure(store: ClickHouse, known: Directory, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Return the CPU-milliseconds of each readout, by design and by whether anything was kept."""
    found: dict[str, dict[str, list[float]]] = {design: {"first": [], "kept": []} for design in DESIGNS}
    kept = RollupCache()
    for number in range(rounds + 1):
        for design in DESIGNS:
            for name, cache in (("first", RollupCache()), ("kept", kept)):
                context = QueryContext(client=store.reader(), directory=known, now_ms=NOW_MS, rollup_cache=cache)
                began = time.process_time()
                told = readout(context, design.replace(" ", "-"))
                took = 1000 * (time.process_time() - began)
                if told.design.replace("_", " ") not in design.replace("and ", ""):
                    raise SystemExit(f"{design} was read as {told.design}")
                # The first round opens and compiles what later ones find.
                if number:
                    found[design][name].append(took)
    return found


def table_rows(found: Mapping[str, Mapping[str, Sequence[float]]]) -> dict[str, dict[str, Any]]:
    """Return the result's rows, with each median against that of places side by side."""
    base = statistics.median(found["side by side"]["kept"])
    return {
        design: {
            "cpu ms, kept": min_and_median(of["kept"]),
            "to side by side": round(statistics.median(of["kept"]) / base, 2),
            "cpu ms, first sight": min_and_median(of["first"]),
        }
        for design, of in found.items()
    }


def main() -> int:
    """Make the store, ask, print, write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--uses", type=int, default=40, help="events a placement-day, about")
    parser.add_argument("--write", action="store_true", help="keep the figures in bench/results/readout.json")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="readout-") as folder:
        store = ClickHouse(ClickHouseSettings(database="bench", max_threads=2), path=Path(folder))
        count = make(store, asked.days, asked.uses)
        # As the server does: what was made by now stays, and is not looked through again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 20, 20)
        rows = table_rows(measure(store, directory(asked.days), asked.rounds))
        store.close()
    result = {
        "command": f"python -m bench.readout --rounds {asked.rounds} --days {asked.days} --uses {asked.uses}",
        "machine": machine(),
        "runs": asked.rounds,
        "events": count,
        "a readout of every metric": rows,
    }
    print(json.dumps(rows, indent=1))
    if asked.write:
        RESULT.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
