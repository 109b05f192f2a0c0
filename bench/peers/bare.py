"""A bare confluent-kafka consumer that inserts what it reads into ClickHouse, where a materialized view counts.

ClickHouse's documentation, "Incremental materialized view" and "Null table engine" (clickhouse.com/docs): the lines go
in undecoded as JSONEachRow, in large blocks, through a Null table; the view fills an AggregatingMergeTree. The engine
is chDB in this process, by clickhouse-connect, so the ClickHouse side's CPU is in the figure. Offsets are committed
after the insert. A view sees a block, not the past, so it cannot tell repeats; the variant with dedupe looks for them
in Python before the insert, by ids in memory.

    python -m bench.peers.bare             consume until SIGTERM
    python -m bench.peers.bare dump        print the cells
"""

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import clickhouse_connect
import msgspec
from confluent_kafka import Consumer

BLOCK_EVENTS = 50_000
BLOCK_S = 1.0
REMEMBERED = 2_000_000
SETTINGS = {"max_threads": 1, "async_insert": 0, "input_format_skip_unknown_fields": 1}

# The histogram's bins of bench/peers/cells.py: exponent and seven bits of the mantissa of a double.
SCHEMA = (
    """CREATE TABLE IF NOT EXISTS lines (
        account_id String, event_id String, platform LowCardinality(String), product_id LowCardinality(String),
        kind LowCardinality(String), occurred_ms Int64, placement_id LowCardinality(String),
        arm LowCardinality(String), outcome LowCardinality(String), subject String, session_id String,
        duration_ms UInt32
    ) ENGINE = Null""",
    """CREATE TABLE IF NOT EXISTS cells (
        product_id LowCardinality(String), platform LowCardinality(String), placement_id LowCardinality(String),
        arm LowCardinality(String), kind LowCardinality(String), minute_ms Int64,
        events SimpleAggregateFunction(sum, UInt64), failed SimpleAggregateFunction(sum, UInt64),
        duration_ms_sum SimpleAggregateFunction(sum, UInt64),
        bins AggregateFunction(sumMap, Array(UInt16), Array(UInt64)),
        users AggregateFunction(uniq, String), sessions AggregateFunction(uniq, String)
    ) ENGINE = AggregatingMergeTree
    ORDER BY (product_id, minute_ms, platform, placement_id, arm, kind)""",
    """CREATE MATERIALIZED VIEW IF NOT EXISTS lines_to_cells TO cells AS
    SELECT product_id, platform, placement_id, arm, kind, intDiv(occurred_ms, 60000) * 60000 AS minute_ms,
        count() AS events, countIf(outcome = 'failed') AS failed, sum(toUInt64(duration_ms)) AS duration_ms_sum,
        sumMapState([toUInt16(if(duration_ms < 128, duration_ms,
            bitShiftRight(reinterpretAsUInt64(toFloat64(duration_ms)), 45) - 131712))], [toUInt64(1)]) AS bins,
        uniqState(subject) AS users, uniqState(session_id) AS sessions
    FROM lines GROUP BY product_id, platform, placement_id, arm, kind, minute_ms""",
)
DUMP = """SELECT product_id, platform, placement_id, arm, kind, minute_ms, sum(events), sum(failed),
    sum(duration_ms_sum), sumMapMerge(bins) AS merged, uniqMerge(users), uniqMerge(sessions)
FROM cells GROUP BY product_id, platform, placement_id, arm, kind, minute_ms"""


class Ids(msgspec.Struct, gc=False):
    """What a repeat is known by."""

    account_id: str
    event_id: str


class Seen:
    """The ids of the last events; the oldest go first."""

    def __init__(self) -> None:
        self._ids: dict[tuple[str, str], None] = {}
        self._decoder = msgspec.json.Decoder(Ids)

    def fresh(self, lines: Iterable[bytes]) -> list[bytes]:
        """Return the lines whose ids were not seen."""
        found = []
        for line in lines:
            ids = self._decoder.decode(line)
            name = (ids.account_id, ids.event_id)
            if name not in self._ids:
                self._ids[name] = None
                found.append(line)
        while len(self._ids) > REMEMBERED:
            del self._ids[next(iter(self._ids))]
        return found


def opened() -> Any:
    """Return a client of chDB in the peer's folder, with the tables there."""
    client = clickhouse_connect.get_client(interface="chdb", path=os.environ["PEER_FOLDER"], settings=SETTINGS)
    for statement in SCHEMA:
        client.command(statement)
    return client


def consume() -> None:
    """Insert whatever comes, in blocks, until SIGTERM."""
    client, ending = opened(), []
    signal.signal(signal.SIGTERM, lambda *_: ending.append(1))
    seen = Seen() if os.environ["PEER_DEDUPE"] == "1" else None
    per_message = int(os.environ["PEER_SHAPE"])
    consumer = Consumer(
        {
            "bootstrap.servers": os.environ["PEER_KAFKA"],
            "group.id": os.environ["PEER_GROUP"],
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([os.environ["PEER_TOPIC"]])
    block: list[bytes] = []
    since = time.monotonic()
    while not ending:
        messages = consumer.consume(min(10_000, BLOCK_EVENTS // per_message), timeout=0.2)
        block += [message.value() for message in messages if message.error() is None]
        if block and (len(block) * per_message >= BLOCK_EVENTS or time.monotonic() - since > BLOCK_S):
            lines = block
            if seen is not None:
                lines = seen.fresh(line for value in block for line in value.split(b"\n"))
            client.raw_insert("lines", insert_block=b"\n".join(lines), fmt="JSONEachRow")
            consumer.commit(asynchronous=False)
            block.clear()
        if not block:
            since = time.monotonic()
    consumer.close()
    client.close()


def dump() -> None:
    """Print each cell as a line of JSON."""
    client = opened()
    for row in client.query(DUMP).result_rows:
        bins = dict(zip(*row[9], strict=True))
        figures = {"events": row[6], "failed": row[7], "duration_ms_sum": row[8], "bins": bins}
        key = {"key": "|".join(row[:5]), "minute_ms": row[5]}
        sys.stdout.write(json.dumps(key | figures | {"users": row[10], "sessions": row[11]}) + "\n")
    client.close()


if __name__ == "__main__":
    Path(os.environ["PEER_FOLDER"]).mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(KeyboardInterrupt):
        dump() if sys.argv[1:] == ["dump"] else consume()
