"""Reads back what a peer counted, from where it left it, as cells."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from bench.peers.cells import estimate
from bench.peers.load import CLOSER, PARTITIONS
from bench.peers.truth import CellId, Figures
from runtime.kafka import TopicPartition, make_consumer
from runtime.settings import KafkaSettings
from schemas.cells import METRICS_KEY_CELLS, RANK_BITS, CellRow

_decode_cells = msgspec.json.Decoder(CellRow).decode_lines


def read_ours(kafka: KafkaSettings, topic: str) -> dict[CellId, Figures]:
    """Return the cells of product-metrics.v1: of each the highest version."""
    best: dict[CellId, CellRow] = {}
    for key, value in _messages(kafka, topic):
        if not key.startswith(METRICS_KEY_CELLS):
            continue
        for row in _decode_cells(value):
            name = (f"{row.product_id}|{row.platform}|{row.placement_id}|{row.arm}|{row.kind}", row.minute_ms)
            if name not in best or row.version > best[name].version:
                best[name] = row
    return {name: _figures_of_row(row) for name, row in best.items() if not name[0].startswith(CLOSER)}


def _figures_of_row(row: CellRow) -> Figures:
    bins = dict(zip(row.duration_bins, row.duration_counts, strict=True))
    users, sessions = ([packed & ((1 << RANK_BITS) - 1) for packed in part] for part in (row.subjects, row.sessions))
    return Figures(row.events, row.failed, row.duration_ms_sum, bins, estimate(users), estimate(sessions))


def read_closed(kafka: KafkaSettings, topic: str) -> dict[CellId, Figures]:
    """Return the cells of a topic that holds each once, when it was closed; a key that comes twice is told last."""
    return _cells((key.decode(), json.loads(value)) for key, value in _messages(kafka, topic))


def read_changelog(kafka: KafkaSettings, topic: str) -> dict[CellId, Figures]:
    """Return the cells of a windowed Faust table: of each the last value in its changelog."""
    last = {}
    for key, value in _messages(kafka, topic):
        name, (start_s, _) = json.loads(key)
        last[name, start_s] = json.loads(value) | {"minute_ms": round(start_s * 1000)}
    return _cells((name, cell) for (name, _), cell in last.items())


def read_dump(text: str) -> dict[CellId, Figures]:
    """Return the cells of lines of JSON."""
    return _cells((cell["key"], cell) for cell in map(json.loads, text.splitlines()))


def _cells(found: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[CellId, Figures]:
    return {
        (key, cell["minute_ms"]): Figures(
            cell["events"],
            cell["failed"],
            cell["duration_ms_sum"],
            {int(index): count for index, count in cell["bins"].items()},
            _distinct(cell["users"]),
            _distinct(cell["sessions"]),
        )
        for key, cell in found
        if not key.startswith(CLOSER)
    }


def _distinct(told: int | dict[str, int]) -> float:
    return told if isinstance(told, int) else estimate(list(told.values()))


def _messages(kafka: KafkaSettings, topic: str) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and value of every message of *topic* up to its present end."""
    consumer = make_consumer(kafka, client_id="bench")
    try:
        places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends = consumer.end_offsets(places)
        while any(consumer.position(place) < ends[place] for place in places):
            for found in consumer.poll(timeout_ms=500).values():
                for record in found:
                    yield record.key or b"", record.value or b""
    finally:
        consumer.close(autocommit=False)
