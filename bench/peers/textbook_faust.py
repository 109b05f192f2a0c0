"""Faust as its guide teaches it: a Record model, one tumbling table by a field of the event, an agent that updates it.

User guide, "Tables - Tables and Windowing" (windowing, `relative_to_field`, changelogs) and "Models"
(faust-streaming.github.io/faust/userguide/tables.html). The result is the table's changelog. Given to it beyond the
textbook: uvloop, one table instead of one a metric, a linger so that changelog writes leave in batches.
"""

import os
import sys
from datetime import timedelta
from typing import Any

import mode.loop

mode.loop.use("uvloop")

import faust  # noqa: E402 - the loop has to be chosen before, or the worker hangs

from bench.peers.cells import add_to_cell, key_of, new_cell  # noqa: E402

DEDUPE = os.environ["PEER_DEDUPE"] == "1"

app = faust.App(
    os.environ["PEER_GROUP"],
    broker=f"kafka://{os.environ['PEER_KAFKA']}",
    datadir=os.environ["PEER_FOLDER"],
    store="memory://",
    consumer_auto_offset_reset="earliest",
    topic_partitions=4,
    topic_replication_factor=1,
    table_standby_replicas=0,
    producer_linger=0.02,
    producer_max_batch_size=262_144,
    web_enabled=False,
)


class Event(faust.Record, serializer="json"):
    """One event; the guide's way to read JSON."""

    event_id: str
    account_id: str
    platform: str
    product_id: str
    trial_id: str
    kind: str
    occurred_ms: int
    received_ms: int
    delivery_id: str
    attributes: dict[str, str]
    placement_id: str
    arm: str
    outcome: str
    subject: str
    session_id: str
    duration_ms: int


events = app.topic(os.environ["PEER_TOPIC"], value_type=Event)
# Windows expire by the clock of the machine, so the span is wide enough for events of some minutes ago.
windows: Any = app.Table("cells", default=new_cell, partitions=4).tumbling(
    timedelta(minutes=1), expires=timedelta(hours=2)
)
cells = windows.relative_to(lambda event: event.value.occurred_ms / 1000)


@app.agent(events)
async def count(stream: Any) -> None:
    """Take each event into the window of its minute."""
    async for event in stream:
        fields = event.asdict()
        key = key_of(fields)
        cells[key] = add_to_cell(cells[key].value(), fields, dedupe=DEDUPE)


if __name__ == "__main__":
    sys.argv[1:] = ["worker", "-l", "warn", "--without-web"]
    app.main()
