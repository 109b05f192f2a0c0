"""Quix Streams: a tumbling window with a reducer over messages keyed by cell, emitted when closed.

Documentation, "Windowing" (tumbling_window, reduce, final, closing strategies) and "Stateful processing"
(quix.io/docs/quix-streams/windowing.html): state in RocksDB with changelog topics, at-least-once, the defaults. Windows
are per message key, so the topic offers the cell's key as the message's: no repartition is needed.
"""

import os
from datetime import timedelta
from typing import Any

from quixstreams import Application

from bench.peers.cells import MINUTE_MS, add_to_cell, new_cell, result_of

DEDUPE = os.environ["PEER_DEDUPE"] == "1"


def first(event: dict[str, Any]) -> dict[str, Any]:
    """Return the state after a window's first event."""
    return add_to_cell(new_cell(), event, dedupe=DEDUPE)


def further(cell: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
    """Return the state after one more event."""
    return add_to_cell(cell, event, dedupe=DEDUPE)


def occurred(value: dict[str, Any], *_: Any) -> int:
    """Return the event's own time; Quix would take Kafka's."""
    return int(value["occurred_ms"])


def main() -> None:
    """Run until SIGTERM."""
    app = Application(
        broker_address=os.environ["PEER_KAFKA"],
        consumer_group=os.environ["PEER_GROUP"],
        auto_offset_reset="earliest",
        state_dir=os.environ["PEER_FOLDER"],
        loglevel="WARNING",
    )
    events = app.topic(os.environ["PEER_TOPIC"], value_deserializer="json", timestamp_extractor=occurred)
    out = app.topic(os.environ["PEER_OUT"], value_serializer="json")
    windows = (
        app.dataframe(events)
        .tumbling_window(duration_ms=MINUTE_MS, grace_ms=timedelta(minutes=2))
        .reduce(reducer=further, initializer=first)
        .final(closing_strategy="partition")
    )
    windows.apply(lambda window: {"minute_ms": window["start"], **result_of(window["value"])}).to_topic(out)
    app.run()


if __name__ == "__main__":
    main()
