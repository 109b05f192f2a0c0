"""Gateway, two workers, sink and reports as separate processes on a real broker and a store reached over HTTP.

`AVENUE_TEST_CLICKHOUSE_DSN` names a server to use; else chDB stands behind a front that speaks a server's protocol.
"""

import json
import os
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

from runtime.metrics import ROLES
from tests.conftest import started_broker
from tests.support.alert_road import on_call
from tests.support.clickhouse_front import clickhouse_front
from tests.support.live_alerts import alerts_that_would_fire, assert_all_is_exported, assert_exports_its_own, watched
from tests.support.production_harness import Production
from tests.support.waiting import wait_until

# One set of processes for all of them, so one test process.
pytestmark = [
    *(pytest.mark.stack, pytest.mark.kafka, pytest.mark.clickhouse),
    pytest.mark.xdist_group("roles-apart"),
    # Ten starts of Python and a broker's on a busy machine.
    pytest.mark.timeout(600),
]

EVENTS = 600
TRIALS = ("neuro-band-2026q4", "emg-arm-2026q4")
VISIBLE_S = 60.0
TOLD_S = 60.0
"""From a role's death to the message that calls somebody, with the shipped settings."""


@pytest.fixture(scope="module")
def production(kafka_jars: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    """Return roles that run and are ready; the registry is applied as the compose file's first service does."""
    folder = tmp_path_factory.mktemp("production")
    with ExitStack() as stack:
        broker = started_broker(folder / "broker")
        stack.callback(broker.kill)
        dsn = os.environ.get("AVENUE_TEST_CLICKHOUSE_DSN") or stack.enter_context(clickhouse_front(folder / "store"))
        made = Production(folder, broker.bootstrap, dsn, f"t_{uuid.uuid4().hex[:12]}")
        stack.callback(made.close)
        made.run("registry", "apply", str(made.registry))
        for role in ("gateway", "worker", "worker", "sink", "reports"):
            made.start(role)
        made.wait_ready()
        yield made
        store = made.store()
        store.writer().command(f"DROP DATABASE IF EXISTS {made.database}")
        store.close()


@pytest.fixture(scope="module")
def sent(production: Production) -> list[dict[str, Any]]:
    """Return what the platforms sent and how each was answered; signed with secrets from the environment."""
    (gateway,) = [role for role in production.roles if role.name.startswith("gateway")]
    ledger = production.folder / "ledger.ndjson"
    url = f"http://127.0.0.1:{gateway.http_port}"
    key = f"sunmi-main={production.issue('account:sunmi-main')}"
    options = ("--events", str(EVENTS), "--seed", "7", "--ledger", str(ledger), "--key", key)
    production.run("simulate", "--url", url, "--registry", str(production.registry), *options)
    return [json.loads(line) for line in ledger.read_text().splitlines()]


@pytest.fixture(scope="module")
def operator_key(production: Production) -> str:
    """Return a key that reads everything."""
    return production.issue("operator")


@pytest.fixture(scope="module")
def accepted(sent: list[dict[str, Any]]) -> int:
    """Return how many events were taken; a native push is answered in the platform's words, which tell no verdict."""
    assert all(line["as_expected"] for line in sent)
    return sum(line["expected"] == "accepted" for line in sent)


def test_every_accepted_event_can_be_read_through_the_reading_role(
    production: Production, operator_key: str, accepted: int
) -> None:
    def stored() -> int:
        answers = [production.read(f"/v1/trials/{trial}/events?format=ndjson", operator_key) for trial in TRIALS]
        return sum(len(answer.raise_for_status().text.splitlines()) for answer in answers)

    assert accepted > EVENTS / 2
    wait_until(lambda: stored() == accepted, within_s=VISIBLE_S, otherwise=lambda: (accepted, stored()))


def test_the_live_numbers_are_those_that_the_workers_counted(
    production: Production, operator_key: str, accepted: int
) -> None:
    def shown() -> int:
        answers = [
            production.read(f"/v1/trials/{trial}/metrics?metric=events&step=day", operator_key) for trial in TRIALS
        ]
        series = [line for answer in answers for line in answer.raise_for_status().json()["series"]]
        return int(sum(value for line in series for _, value, _ in line["points"]))

    def counted() -> int:
        return int(sum(_counter(page, "avenue_worker_events_total", "counted") for page in production.pages("worker")))

    # Late ones wait for their block's settlement, which may be minutes away.
    wait_until(lambda: accepted / 2 < counted() <= shown(), within_s=VISIBLE_S, otherwise=lambda: (counted(), shown()))
    assert shown() <= accepted


def test_the_sums_close_and_nothing_differs_from_its_recomputation(
    production: Production, sent: list[dict[str, Any]]
) -> None:
    found = json.loads(production.run("reconcile", "--json"))

    assert found["ok"]
    assert found["complete"]
    assert found["differences"] == []
    received = sum(item["left"] for item in found["sums"] if item["name"].startswith("received"))
    # A native push that was answered too late is sent again, and received again.
    assert received >= sum(line["verdict"] != "refused" for line in sent)


def test_two_workers_share_the_partitions_and_count_each_line_once(production: Production, accepted: int) -> None:
    workers = production.pages("worker")

    held = [set(re.findall(r'lag_records\{.*partition="(\d+)",topic="pilot-events', page)) for page in workers]

    assert sorted(len(partitions) for partitions in held) == [2, 2]
    assert set.union(*held) == {"0", "1", "2", "3"}
    lines = sum(_counter(page, "avenue_worker_events_total") for page in workers)
    assert (
        lines - sum(_counter(page, "avenue_worker_events_total", 'outcome="repeated"') for page in workers) == accepted
    )


def test_a_reader_sees_no_other_startups_trial(production: Production, accepted: int) -> None:
    key = production.issue("startup:calmwave")

    answers = [production.read(f"/v1/trials/{trial}", key).status_code for trial in TRIALS]

    assert answers == [200, 404]


def test_each_role_describes_what_it_answers_and_nothing_else(production: Production) -> None:
    found = {}
    for role in production.roles:
        if not role.name.startswith(("gateway", "reports")):
            continue
        answer = httpx.get(f"http://127.0.0.1:{role.http_port}/openapi.json", timeout=60, trust_env=False)
        assert answer.status_code == 200, answer.text
        validate(answer.json())
        found[role.name.partition("-")[0]] = answer.json()["paths"].keys()

    assert found["gateway"] == {"/v1/events", "/v1/test", "/in/{account}/{flow}"}
    assert found["reports"] >= {"/v1/me", "/v1/metrics", "/v1/trials/{trial_id}/report"}
    assert found["gateway"].isdisjoint(found["reports"])


def test_an_operators_sql_reads_the_server_and_changes_nothing(production: Production, accepted: int) -> None:
    rows = production.run("sql", "SELECT count() AS n FROM events")

    assert int(json.loads(rows)["n"]) == accepted
    production.run("sql", "TRUNCATE TABLE stored_events", code=1)


def test_an_operators_other_commands_need_no_more_than_the_settings(
    production: Production, sent: list[dict[str, Any]]
) -> None:
    rejects = json.loads(production.run("rejects", "list", "--json"))

    assert len(rejects) == sum(line["expected"] == "rejected" for line in sent)
    found = json.loads(production.run("doctor", "--json"))
    assert [check for check in found["checks"] if check["state"] == "broken"] == []
    assert "pilot-events.v1" in production.run("topics", "list")


def test_rejects_are_replayed_through_the_gateway_that_is_named(
    production: Production, sent: list[dict[str, Any]], operator_key: str
) -> None:
    (gateway,) = [role for role in production.roles if role.name.startswith("gateway")]
    unplaced = sum(line["expected_reason"] == "unknown_placement" for line in sent)
    asked = ("rejects", "replay", "--reason", "unknown_placement", "--json")
    road = ("--url", f"http://127.0.0.1:{gateway.http_port}", "--key", operator_key)

    tried = json.loads(production.run(*asked, *road, "--dry-run", code=1))
    done = json.loads(production.run(*asked, *road, code=1))

    # Nobody has registered the places: each is rejected again, kept once, and the sums close.
    assert unplaced > 0
    assert tried["counts"] == done["counts"] == {"rejected": unplaced}
    assert json.loads(production.run("reconcile", "--json"))["ok"]
    assert len(json.loads(production.run("rejects", "list", "--json"))) == sum(
        line["expected"] == "rejected" for line in sent
    )
    production.run(*asked, code=2)
    production.run(*asked, *road[:2], "--key", production.issue("startup:calmwave"), code=2)


def test_roles_that_are_well_set_off_no_alert_and_export_their_own(
    production: Production, accepted: int, tmp_path: Path
) -> None:
    names = {role.name.split("-")[0] for role in production.roles}
    targets = {
        name: [f"127.0.0.1:{role.ops_port}" for role in production.roles if role.name.startswith(name)]
        for name in names
    }

    with watched(targets, tmp_path / "prometheus") as prometheus:
        fired = alerts_that_would_fire(prometheus, lambda: None)

    assert names == set(ROLES)
    assert fired == set()
    for role in production.roles:
        assert_exports_its_own(role.metrics(), {role.name.split("-")[0]})
    assert_all_is_exported([role.metrics() for role in production.roles])


def test_a_worker_that_stays_dead_is_told_within_a_minute(
    production: Production, accepted: int, tmp_path: Path
) -> None:
    workers = [role for role in production.roles if role.name.startswith("worker")]
    targets = {
        name: [f"127.0.0.1:{role.ops_port}" for role in production.roles if role.name.startswith(name)]
        for name in ROLES
    }

    with on_call(targets, tmp_path / "alerts") as person:
        assert person.told == []
        died = time.monotonic()
        for worker in workers:
            worker.process.kill()
            worker.process.wait()
            production.roles.remove(worker)
        wait_until(lambda: person.heard("RoleMissing", "firing", job="worker"), 2 * TOLD_S, lambda: person.told)

    told = person.heard("RoleMissing", "firing", job="worker")
    assert told is not None
    assert told - died <= TOLD_S
    assert {labels["alertname"] for _, _, labels in person.told} == {"RoleMissing"}


def test_every_role_ends_cleanly_when_asked_to(production: Production, accepted: int) -> None:
    """Last: it ends them."""
    codes = {role.name: role.end() for role in production.roles}

    assert set(codes.values()) == {0}, codes


def _counter(page: str, name: str, labels: str = "") -> float:
    lines = (line for line in page.splitlines() if line.startswith(name + "{") and labels in line)
    return sum(float(line.rpartition(" ")[2]) for line in lines)
