"""The process that `bench.sink` measures: a sink until all rows stand, then settlement and the sums in its store."""

import json
import resource
import sys
from pathlib import Path
from typing import Any

from prometheus_client import REGISTRY

from registry.follower import RegistryFollower
from runtime.clickhouse import ClickHouse
from runtime.clock import SystemClock
from runtime.retries import poll_until
from runtime.settings import KafkaSettings, Settings, SinkSettings
from runtime.sql_statements import split_statements
from sinks.consumer.tables import StoreTable
from sinks.reconciliation.conservation import conservation
from sinks.reconciliation.incremental import RunningSums
from sinks.reconciliation.reconcile import measure
from sinks.reconciliation.settled import all_activity
from sinks.settlement.block_totals import count_events
from sinks.settlement.settle import Settler
from sinks.sink import Sink

PATIENCE_S = 300.0
IDLE_S = 10.0
TIMES = 5

# The same day so many days earlier: other ids, offsets far below those to come.
_PAST = """
INSERT INTO pilot_events (#columns#) SELECT #moved# FROM pilot_events FINAL WHERE offset < 1000000;
INSERT INTO log_records (topic, epoch, partition, offset, account_id, lines, stamped_at)
SELECT topic, epoch, partition, offset + {day:UInt64} * 1000000, account_id, lines, stamped_at - 86400 * {day:UInt64}
FROM log_records FINAL WHERE offset < 1000000 AND topic = 'pilot-events.v1';
INSERT INTO pilot_deliveries
SELECT * REPLACE (
    concat(delivery_id, {mark:String}) AS delivery_id,
    received_at - 86400 * {day:UInt64} AS received_at, answered_at - 86400 * {day:UInt64} AS answered_at
)
FROM (SELECT * FROM pilot_deliveries FINAL WHERE NOT endsWith(delivery_id, '+'));
INSERT INTO worker_progress
SELECT * REPLACE (received_minute - 86400 * {day:UInt64} AS received_minute)
FROM (SELECT * FROM worker_progress FINAL WHERE received_minute > now() - 43200);
INSERT INTO settled_blocks
SELECT * REPLACE (block - 86400 * {day:UInt64} AS block, settled_at - 86400 * {day:UInt64} AS settled_at)
FROM (SELECT * FROM settled_blocks FINAL WHERE block > now() - 43200);
INSERT INTO sink_sources (topic, epoch, partition, next_offset, watermark_at, read_to_end_at)
SELECT topic, epoch, partition, next_offset + 1000000000, watermark_at, read_to_end_at FROM sink_sources FINAL;
INSERT INTO worker_sources
SELECT * REPLACE (version + 1000000000 AS version, next_offset + 1000000000 AS next_offset) FROM worker_sources FINAL
"""


def main() -> None:
    """Measure, and print what was found as a line of JSON."""
    home, asked = Path(sys.argv[1]), json.loads(sys.argv[2])
    settings = Settings(
        home=home,
        kafka=KafkaSettings(bootstrap=asked["bootstrap"]),
        # Settlement is measured by itself.
        sink=SinkSettings(settle_every_s=3600),
    )
    follower = RegistryFollower(settings, prefix=asked["prefix"])
    follower.start(30)
    clickhouse = ClickHouse.of(settings)
    before = cpu()
    sink = Sink(settings, clickhouse, follower, prefix=asked["prefix"])
    sink.start()
    rows = asked["rows"]
    poll_until(lambda: 0 < rows <= _stored(), timeout_s=PATIENCE_S if rows else IDLE_S, every_s=0.2)
    if not sink.stop(drain=True):
        raise SystemExit("the sink did not come to the end of the topics")
    found: dict[str, Any] = {"sink": cpu() - before}
    if asked["rows"]:
        found |= _settle_and_sum(settings, clickhouse, follower, asked["history"])
    follower.stop()
    print(json.dumps(found))


def cpu() -> float:
    """Return this process's CPU seconds."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _stored() -> float:
    tables = (StoreTable.EVENTS, StoreTable.CELLS)
    return sum(REGISTRY.get_sample_value("avenue_sink_rows_total", {"table": table}) or 0 for table in tables)


def _settle_and_sum(
    settings: Settings, clickhouse: ClickHouse, follower: RegistryFollower, history: int
) -> dict[str, Any]:
    client = clickhouse.writer()
    client.command(
        "INSERT INTO sink_sources (topic, epoch, partition, next_offset, watermark_ms, read_to_end_ms) "
        "SELECT topic, epoch, partition, max(next_offset), {at:Int64}, {at:Int64} FROM sink_sources "
        "GROUP BY topic, epoch, partition",
        parameters={"at": SystemClock().now_ms()},
    )
    touches = all_activity(client)
    lateness = {"epochs": [1], "graces_ms": [120_000], "grace_ms": 120_000}
    before = cpu()
    list(count_events(client, touches, lateness))
    counted = cpu() - before
    settler = Settler(settings, clickhouse, SystemClock())
    before = cpu()
    while settler.settle(follower.directory).waiting:
        continue
    settled = cpu() - before
    if left := all_activity(client):
        raise SystemExit(f"{len(left)} of {len(touches)} blocks were not settled")
    _check(clickhouse)
    sums = [_sums(clickhouse)]
    _live_through(clickhouse, history)
    return {"count": counted, "settle": settled, "sums": [*sums, _sums(clickhouse)]}


def _sums(clickhouse: ClickHouse) -> dict[str, float]:
    """Return the CPU seconds of the sums: by reading everything, and as the server takes them."""
    running = RunningSums(dict)
    running.fill(clickhouse)
    measure(clickhouse, running)
    return {
        "by reading everything": _best(lambda: measure(clickhouse)),
        "each minute": _best(lambda: measure(clickhouse, running)),
    }


def _best(step: Any) -> float:
    times = []
    for _ in range(TIMES):
        before = cpu()
        step()
        times.append(cpu() - before)
    return min(times)


def _live_through(clickhouse: ClickHouse, times: int) -> None:
    client = clickhouse.writer()
    described = client.query("DESCRIBE TABLE pilot_events").result_rows
    columns = [str(row[0]) for row in described if row[2] not in {"EPHEMERAL", "MATERIALIZED"}]
    moved = {
        "event_id": "concat(event_id, {mark:String})",
        "offset": "offset + {day:UInt64} * 1000000",
        "occurred_at": "occurred_at - 86400 * {day:UInt64}",
        "received_at": "received_at - 86400 * {day:UInt64}",
    }
    for day in range(1, times):
        text = _PAST.replace("#columns#", ", ".join(columns))
        text = text.replace("#moved#", ", ".join(moved.get(name, name) for name in columns))
        for statement in split_statements(text):
            client.command(statement, parameters={"day": day, "mark": f".{day}+"})
    _check(clickhouse)


def _check(clickhouse: ClickHouse) -> None:
    if found := [item for item in conservation(clickhouse) if not item.closed]:
        raise SystemExit(f"{len(found)} sums do not close: {found[0]}")


if __name__ == "__main__":
    main()
