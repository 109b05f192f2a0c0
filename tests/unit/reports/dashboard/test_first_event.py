"""The event that a waiting trial's page offers: it is taken as it stands, and moves what the trial is judged by."""

from typing import get_args

import msgspec

from reports.dashboard.first_event import MOVING, first_event
from reports.metrics import METRICS, DueShareRule
from schemas.lines import StoredEvent
from schemas.registry import MetricId
from schemas.topics import Topic
from tests.support.memory_gateway import memory_gateway
from tests.support.reports_harness import NOW, directory, expected


async def test_the_first_event_is_accepted_and_moves_the_primary_metric_whichever_it_is() -> None:
    street = directory()
    registry = street.registry
    assert registry is not None
    placed = street.placed["p-1"]
    trials = {m: street.trials["neuro"].model_copy(update={"primary_metric": m}) for m in get_args(MetricId)}
    events = {m: {**first_event(trial, placed, NOW), "event_id": f"e-{m}"} for m, trial in trials.items()}

    async with memory_gateway(registry, placed.account_id, now_ms=NOW) as gateway:
        answer = await gateway.push(msgspec.json.encode(list(events.values())))
        stored = {line["event_id"]: msgspec.convert(line, StoredEvent) for line in gateway.log.lines(Topic.EVENTS)}

    assert (len(events), answer.json()["accepted"]) == (20, 20), answer.json()
    counted = [m for m in events if not isinstance(METRICS[m].rule, DueShareRule)]
    moved = {m: expected(m, [stored[f"e-{m}"]]) for m in counted}
    assert len(moved) == 18
    assert [m for m, (value, n) in moved.items() if value is None or not n] == []
    # Uptime goes by devices' own words, coverage by anything that comes.
    assert {MOVING[m]["kind"] for m in events if m not in counted} == {"device.online", "device.reported"}
