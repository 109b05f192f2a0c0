"""An embedded stack that is well: the shipped rules find nothing, its pages hold what they ask; and a clean stop."""

import itertools
import json
import re
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from avenue.client.topic_state import read_group
from avenue.embedded.offline import offline_cluster
from runtime.files import write_private
from runtime.settings import Settings
from schemas.topics import ConsumerGroup, Topic
from tests.support.live_alerts import (
    alerts_that_would_fire,
    assert_all_is_exported,
    assert_exports_its_own,
    page_of,
    watched,
)
from tests.support.stack import BATCH_ACCOUNT, Stack, living
from tests.support.waiting import wait_until

# One stack for all, in this order: the last one ends it.
pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("well")]


@pytest.fixture(scope="module")
def stack(kafka_jars: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Return a stack of this module's own: what others push may rightly set off an alert."""
    yield from living(Stack(tmp_path_factory.mktemp("well")))


def push(stack: Stack, key: str, number: int) -> None:
    """Push event *number*, new or again."""
    now = datetime.now(UTC).isoformat()
    event = {"event_id": f"well-{number}", "kind": "exposure", "occurred_at": now, "product_id": "neuro-band"}
    headers = {"authorization": f"Bearer {key}"}
    answer = httpx.post(f"{stack.url}/v1/events", json=[event], headers=headers, timeout=30, trust_env=False)
    told = answer.json()
    assert told["accepted"] + told["duplicate"] == 1, answer.text


@pytest.mark.prometheus
def test_a_stack_that_is_well_sets_off_no_alert(stack: Stack, tmp_path: Path) -> None:
    key, numbers = stack.pushing_key(BATCH_ACCOUNT), itertools.count()
    server, worker = (str(url).removeprefix("http://") for url in (stack.ops_url, stack.run.worker_ops_url))
    roles = {"gateway": [server], "worker": [worker], "sink": [server], "reports": [server]}

    with watched(roles, tmp_path / "prometheus") as prometheus:
        fired = alerts_that_would_fire(prometheus, lambda: push(stack, key, next(numbers)))

    assert fired == set()


def test_the_roles_export_all_that_rules_and_panels_ask_for_and_no_others_metrics(stack: Stack) -> None:
    pages = [page_of(stack.ops_url), page_of(str(stack.run.worker_ops_url))]
    assert_exports_its_own(pages[0], {"gateway", "sink", "reports"})
    assert_exports_its_own(pages[1], {"worker"})
    assert_all_is_exported(pages)


def test_the_operators_page_tells_the_figures_of_the_road_as_it_runs(stack: Stack) -> None:
    key, headers = stack.pushing_key(BATCH_ACCOUNT), {"authorization": f"Bearer {stack.issue_key('operator')}"}
    push(stack, key, 1)

    def road() -> dict[str, Any]:
        answer = httpx.get(f"{stack.url}/v1/ops/road", headers=headers, timeout=30, trust_env=False)
        return dict(answer.json()) if answer.status_code == 200 else {}

    def whole() -> bool:
        found = road()
        return bool(found) and bool(found["ok"]) and found["sums"]["closed"] and found["hops"][0]["rate_per_min"] > 0

    wait_until(whole, 60, f"the road is not told: {road()}")
    found = road()
    hops = {hop["hop"]: hop for hop in found["hops"]}
    assert list(hops) == ["gateway", "kafka", "worker", "clickhouse", "reports"]
    assert {name: hop["condition"] for name, hop in hops.items()} == dict.fromkeys(hops, "flows")
    assert hops["kafka"]["rate_per_min"] >= 1
    assert [hops[name]["readers"] for name in ("worker", "clickhouse")] == [1, 1]
    (account,) = [one for one in found["accounts"] if one["account"] == BATCH_ACCOUNT]
    assert account["accepted"] == stack.number("SELECT count() FROM events") > 0  # nobody else pushes here
    (product,) = [one for one in found["products"] if one["product"] == "neuro-band"]
    assert product["events_per_min"] > 0
    with httpx.Client(base_url=stack.url, timeout=30, trust_env=False) as browser:
        browser.post("/sign-in", data={"key": headers["authorization"].split()[1]})
        shown = browser.get("/ops?lang=en").text
    assert "Every hop flows, and every sum closes." in shown


def test_nobody_else_may_look_into_what_a_running_stack_keeps(stack: Stack) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in stack.home.iterdir()}

    assert {"clickhouse", "kafka", "logs", "master.key", "run.json"} <= modes.keys()
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}


def test_doctor_tells_what_is_kept_how_long_and_what_is_destroyed_next(stack: Stack) -> None:
    push(stack, stack.pushing_key(BATCH_ACCOUNT), 0)
    wait_until(lambda: stack.number("SELECT count() FROM events") > 0, 60, "the event is not stored")

    done = stack.command("doctor", "--json")

    (told,) = [check for check in json.loads(done.stdout)["checks"] if check["hop"] == "retention"]
    assert told["state"] == "well"
    today = datetime.now(UTC).date()
    pattern = (
        rf"events 365 days after their trial \(oldest {today.year}-\d\d-\d\d\); rejects 90 days; records 400 days; "
        r"next: (neuro-band|emg-arm)-demo and its key on 20\d\d-\d\d-\d\d"
    )
    assert re.fullmatch(pattern, told["detail"]), told


def test_a_clean_stop_leaves_both_groups_at_once(stack: Stack) -> None:
    stack.stop()

    with offline_cluster(Settings(home=stack.home), say=lambda _line: None) as settings:
        states = {group: read_group(settings, group, Topic.EVENTS) for group in ConsumerGroup}

    assert {group: state.members for group, state in states.items()} == dict.fromkeys(ConsumerGroup, 0)
    assert {group: state.lag for group, state in states.items()} == dict.fromkeys(ConsumerGroup, 0)


def test_a_home_that_lost_its_master_key_does_not_start_and_is_whole_with_it(stack: Stack) -> None:
    """Last: the stack is stopped, and starts again."""
    key = stack.home / "master.key"
    kept = key.read_bytes()
    key.unlink()

    refused = stack.command("up", "--home", str(stack.home))

    assert refused.returncode == 2, refused.stderr
    assert refused.stdout == ""
    assert f"{key} is not there, and 8 hash keys are wrapped with it" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not key.exists()
    write_private(key, kept)
    stack.start()
    stack.stop()
