"""What was tried out is in no trial's numbers: every answer of the read side is the same with it and without it."""

from typing import Any

import msgspec
import pytest

from registry.directory import Directory
from reports.api.responses import readout_answer
from reports.dashboard.trend import TrendPick
from reports.dashboard.trial_data import trial_data
from reports.dashboard.trial_page import TrialPage
from reports.presentation.language import translator
from reports.queries.avenue_map import avenue_map
from reports.queries.freshness import freshness
from reports.queries.health import health
from reports.queries.readout import readout
from reports.scope import Reader
from reports.trial_report.content import gather
from runtime.clickhouse import ClickHouse
from schemas.event import SANDBOX_PREFIX
from schemas.lines import StoredEvent
from schemas.registry import Registry
from tests.support.reports_harness import DAY, START, World, cells_of, directory, made_up

pytestmark = pytest.mark.clickhouse

THEN = START + 3 * DAY
PICK = TrendPick(metric="events", by="placement", range="trial", step="hour", compare=False)


def answers(world: World) -> dict[str, Any]:
    """Return what page, API and report say of the trial, and the street's map."""
    context = world.context()
    found = readout(context, "neuro")
    fresh = freshness(context, "neuro", found.interval)
    report = gather(context, "neuro", max_event_age_days=30)
    return {
        "page": TrialPage(trial_data(context, "neuro", PICK), translator("en"), "").values(),
        "api": msgspec.json.encode(readout_answer("neuro", found, health(context, "neuro", fresh, found), fresh)),
        "whole": {metric: value.value for metric, value in report.whole.items()},
        "map": avenue_map(context, Reader(key_id="k", scope="programme", startup_id=None)),
    }


def marked(event: StoredEvent) -> StoredEvent:
    """Return *event* as the gateway stores it of a sandbox account."""
    names = {name: SANDBOX_PREFIX + getattr(event, name) for name in ("product_id", "trial_id", "placement_id")}
    return msgspec.structs.replace(event, account_id="tried-out", **names)


def with_sandbox(found: Directory) -> Directory:
    """Return *found* with a sandbox account that has a place in the trial and may name its product."""
    assert found.registry is not None
    tree = found.registry.model_dump(by_alias=True)
    place = {**tree["placements"][0], "id": "p-try", "account": "tried-out", "match": {"sn": "TRY"}, "metre": 90}
    account = {"id": "tried-out", "platform": "sunmi", "products": ["neuro-band"], "sandbox": True}
    registry = Registry.model_validate(
        {**tree, "placements": [*tree["placements"], place], "accounts": [*tree["accounts"], account]}
    )
    return Directory(version=2, registry=registry, keys=found.keys, epochs=found.epochs)


def test_no_answer_is_another_where_something_was_tried_out_beside_it(clickhouse: ClickHouse) -> None:
    world = World(clickhouse, now_ms=THEN)
    events = made_up(1200)
    world.store(events)
    world.live(cells_of(events))
    before = answers(world)

    tried = [marked(event) for event in [*events, *made_up(800, seed=2)]]
    world.store(tried)
    world.live(cells_of(tried))
    reject = {"account_id": "tried-out", "platform": "sunmi", "flow": "events", "reason": "invalid_value"}
    world.insert("pilot_rejects", [{**reject, "reject_id": "r", "received_ms": THEN - DAY, "payload": "{}"}])
    raw = with_sandbox(world.directory)
    world.directory = raw.for_readers
    after = answers(world)

    assert before["whole"]["events"] == 1200
    assert after == before
    # The gateway's own directory has the place: pushes find it.
    assert "p-try" in raw.placed
    assert raw.for_readers.accounts["tried-out"].sandbox
    assert directory().for_readers.placed.keys() == directory().placed.keys()
