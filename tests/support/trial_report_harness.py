"""A trial whose report says much: late, repeated, rejected and unassigned events, a silent placement, a baseline period."""

import random
from typing import Any

import msgspec

from avenue.client.stored_registry import stored_directory
from registry.directory import Directory
from runtime.clickhouse import ClickHouse
from runtime.kafka import LogRecord
from schemas.lines import StoredEvent
from schemas.topics import Topic, partition_of
from sinks.consumer.rows import rows_of
from tests.support.reports_harness import (
    DAY,
    HOUR,
    NOW,
    PARTITIONS,
    START,
    World,
    cells_of,
    directory,
    event,
    made_up,
    registry,
)

AS_OF = NOW - 2000
MAX_AGE_DAYS = 30
PARTITION = partition_of("neuro-band", PARTITIONS)
SILENT_FROM, SILENT_TO = START + 20 * HOUR, START + 44 * HOUR
REJECTS = {"unknown_placement": 7, "occurred_at_in_future": 3, "personal_data": 1}
LATE = 11
REPEATED = 5


def report_directory(**changes: Any) -> Any:
    """Return the street with a trial whose every field is filled; *changes* are to the trial."""
    tree = registry().model_dump(by_alias=True)
    tree["avenue"]["name"] = {"zh": "脑智大道", "en": "Brain-Inspired Avenue"}
    tree["startups"][0]["name"] = {"zh": "静波科技", "en": "Calmwave"}
    tree["products"][0]["name"] = {"zh": "神经头环", "en": "Neuro band"}
    tree["trials"][0] |= {
        "hypothesis": {"zh": "门口的头环让更多人完成体验。", "en": "At the door more people finish a session."},
        "guardrails": ["duration_p95", "coverage"],
        "planned_units": 90,
        "smallest_effect": 0.05,
        "baseline_from": "2026-11-18T00:00:00+08:00",
        **changes,
    }
    for placement, zone in zip(tree["placements"], ("café door", "counter", "plaza", "lab"), strict=True):
        placement["zone"] = zone
    tree["notes"] = [
        {"id": "rain", "at": "2026-11-21T09:00:00+08:00", "text": {"zh": "下雨", "en": "it rained"}, "trial": "neuro"}
    ]
    kept = ("avenue", "startups", "products", "trials", "placements", "notes")
    return directory(**{name: tree[name] for name in kept})


def report_events(count: int = 400) -> list[StoredEvent]:
    """Return the trial's events of its time, each once: some late, some in no arm, p-3 silent for a day."""
    found = []
    for e in made_up(count, seed=5):
        if e.placement_id == "p-3" and SILENT_FROM <= e.occurred_ms < SILENT_TO:
            continue
        found.append(e)
    late = random.Random(2).sample(range(len(found)), LATE)
    for n in late:
        found[n] = msgspec.structs.replace(found[n], received_ms=found[n].occurred_ms + 3 * HOUR)
    found.append(event(7000, placement_id="", arm="", subject="f" * 32, occurred_ms=START + HOUR))
    return found


def before_the_start() -> list[StoredEvent]:
    """Return events of the baseline period."""
    return [event(8000 + n, arm="", occurred_ms=START - DAY + n * HOUR, subject=f"{n:032x}") for n in range(3)]


def fill(world: World, events: list[StoredEvent]) -> None:
    """Store *events* and what else the report tells of, as sink and worker leave it."""
    world.store([*events, *before_the_start()])
    # The same again under later positions: rows that the store drops.
    world.store(events[:REPEATED])
    world.live(cells_of([*events, *before_the_start()]))
    world.insert(
        "sink_sources",
        [
            {
                "topic": Topic.EVENTS.value,
                "epoch": 1,
                "partition": PARTITION,
                "next_offset": 10,
                "watermark_ms": AS_OF - 1000,
                "read_to_end_ms": AS_OF,
            }
        ],
    )
    world.insert(
        "worker_sources",
        [{"epoch": 1, "partition": PARTITION, "version": 1, "next_offset": 10, "watermark_ms": AS_OF - 1000}],
    )
    world.insert(
        "pilot_rejects",
        [
            {
                "reject_id": f"{reason}-{n}",
                "account_id": "sunmi-main",
                "platform": "sunmi",
                "flow": "events",
                "reason": reason,
                "payload": '{"event":{"placement_id":"p-1"}}',
                "received_ms": NOW - 5 * HOUR,
            }
            for reason, count in REJECTS.items()
            for n in range(count)
        ],
    )


def report_world(clickhouse: ClickHouse) -> World:
    """Return the filled street."""
    world = World(clickhouse, directory=report_directory())
    fill(world, report_events())
    return world


def stored_registry(world: World) -> Directory:
    """Put the world's registry into its store as the sink does, and read it back."""
    assert world.directory.registry
    entries: dict[str, Any] = {"registry:file": world.directory.registry, "epoch:1": world.directory.epochs[0]}
    entries |= {f"plan:{trial}": plan for trial, plan in world.directory.plans.items()}
    entries |= {f"key:{key.id}": key for key in world.directory.keys.values()}
    for offset, (name, entry) in enumerate(entries.items()):
        record = LogRecord(
            "registry.v1", 0, offset, NOW, name.encode(), entry.model_dump_json(by_alias=True).encode(), {}
        )
        for rows in rows_of(Topic.REGISTRY, record, 1):
            world.insert("registry_records", [msgspec.json.decode(line) for line in rows.body.splitlines()])
    return stored_directory(world.clickhouse)
