"""Alerts fire when they should and not else, name what exists, and say what to do."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from runtime.metrics import END_TO_END, ROLES
from runtime.reference import described_metrics
from runtime.settings import HttpSettings, WorkerSettings
from runtime.settings import known_names as settings_names
from schemas.topics import ConsumerGroup, Topic
from sinks.consumer.tables import StoreTable
from tests.support.paths import OPS
from tests.support.prometheus_files import (
    RULE_TESTS,
    RULES,
    alerts,
    known_names,
    names_in,
    panels,
    read_yaml,
    rules,
    tool,
)

pytestmark = pytest.mark.prometheus

DOCS = OPS.parent / "docs"
ALERTMANAGER = OPS / "alertmanager" / "alertmanager.yml"
# What a runbook has to answer, in this order.
HEADINGS = ["What it means", "Look here", "Do this", "It is over when"]


def run(*words: str | Path) -> str:
    done = subprocess.run([tool(str(words[0])), *words[1:]], capture_output=True, text=True, check=False, cwd=OPS)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_promtool_finds_no_fault_in_the_rules(path: Path) -> None:
    assert "SUCCESS" in run("promtool", "check", "rules", path)


@pytest.mark.parametrize("name", ["prometheus.yml", "embedded.yml"])
def test_promtool_finds_no_fault_in_the_configuration(name: str) -> None:
    run("promtool", "check", "config", OPS / "prometheus" / name)


def test_beside_avenue_up_each_role_is_one_job_at_the_default_ports() -> None:
    jobs = read_yaml(OPS / "prometheus" / "embedded.yml")["scrape_configs"]
    port = HttpSettings().ops_port
    ports = {role: port + 1 if role == "worker" else port for role in ROLES}

    assert {job["job_name"]: job["static_configs"][0]["targets"] for job in jobs} == {
        role: [f"127.0.0.1:{port}"] for role, port in ports.items()
    }
    assert [job["params"] for job in jobs] == [{"role": [job["job_name"]]} for job in jobs]


@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.name)
def test_alerts_fire_and_stay_quiet_as_the_file_says(path: Path) -> None:
    run("promtool", "test", "rules", path)


def test_each_alert_is_seen_firing_and_quiet() -> None:
    seen: dict[str, set[bool]] = {}
    for path in RULE_TESTS:
        for case in read_yaml(path)["tests"]:
            for check in case["promql_expr_test"]:
                name = re.search(r"alertname='(\w+)'", check["expr"])
                assert name is not None, check
                seen.setdefault(name[1], set()).add(bool(check["exp_samples"]))

    assert seen == {alert["alert"]: {True, False} for alert in alerts()}


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_an_alert_says_what_it_is_and_its_runbook_what_to_do(alert: dict[str, Any]) -> None:
    notes = alert["annotations"]

    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert notes["summary"]
    assert len(notes["description"].split()) > 8
    assert notes["runbook"] == f"docs/runbooks/{alert['alert']}.md"
    runbook = (OPS.parent / notes["runbook"]).read_text()
    assert re.findall(r"^## (.+)$", runbook, re.MULTILINE) == HEADINGS
    assert f"Severity: {alert['labels']['severity']}." in runbook


def test_the_list_of_runbooks_has_each_alert_and_no_other() -> None:
    listed = re.findall(r"^\| \[(\w+)\]\(\1\.md\)", (DOCS / "runbooks" / "README.md").read_text(), re.MULTILINE)

    assert listed == [alert["alert"] for alert in alerts()]
    files = {path.stem for path in (DOCS / "runbooks").glob("*.md")} - {"README"}
    assert files == set(listed)


def test_rules_and_panels_name_only_what_exists() -> None:
    asked = [str(rule["expr"]) for rule in rules()]
    asked += [target["expr"] for panel in panels() for target in panel["targets"]]

    assert set().union(*map(names_in, asked)) - known_names() == set()


def test_rules_and_panels_ask_for_label_values_that_come() -> None:
    known: dict[str, set[Any]] = {
        "group": set(ConsumerGroup),
        "topic": set(Topic),
        "table": set(StoreTable),
        "job": {"gateway", "worker", "sink", "reports"},
    }
    asked = " ".join(str(rule["expr"]) for rule in rules())
    asked += " ".join(target["expr"] for panel in panels() for target in panel["targets"])

    for label, values in known.items():
        named = {value for text in re.findall(rf'\b{label}=~?"([^"]+)"', asked) for value in text.split("|")}
        assert named, label
        assert named <= {str(value) for value in values}, label


def test_the_freshness_objective_is_a_bucket_of_the_histogram() -> None:
    asked = {bound for rule in rules() for bound in re.findall(r'le="([\d.]+)"', str(rule["expr"]))}
    END_TO_END.observe(0)
    bounds = {sample.labels.get("le") for family in END_TO_END.collect() for sample in family.samples}

    assert asked == {"2.5"}
    assert asked <= bounds


def test_a_worker_is_told_of_at_four_fifths_of_its_default_limits() -> None:
    (alert,) = [alert for alert in alerts() if alert["alert"] == "WorkerNearLimit"]
    limits = [float(text) for text in re.findall(r"> ([\de.]+)", alert["expr"])]

    assert limits == [0.8 * WorkerSettings().max_ids, 0.8 * WorkerSettings().max_cells]


def test_every_metric_of_every_role_is_shown_or_watched() -> None:
    asked = [str(rule["expr"]) for rule in rules()]
    asked += [target["expr"] for panel in panels() for target in panel["targets"]]
    used = set().union(*map(names_in, asked))

    described = described_metrics()
    assert len(described) > 30
    assert [metric.name for metric in described if not metric.series & used] == []


def test_settings_and_metrics_that_runbooks_name_exist() -> None:
    text = "\n".join(path.read_text() for path in (DOCS / "runbooks").glob("*.md"))

    assert set(re.findall(r"AVENUE_\w+", text)) - set(settings_names()) == set()
    assert names_in(text) - known_names() - {metric.name for metric in described_metrics()} == set()


def test_alertmanager_accepts_its_file() -> None:
    assert "SUCCESS" in run("amtool", "check-config", ALERTMANAGER)


@pytest.mark.parametrize("severity", ["page", "ticket"])
def test_an_alert_goes_to_the_receiver_of_its_severity(severity: str) -> None:
    route = ("config", "routes", "test", f"--config.file={ALERTMANAGER}", f"severity={severity}")

    assert run("amtool", *route).split() == [severity]


def test_silencing_rules_name_only_alerts_that_exist() -> None:
    rules_of = read_yaml(ALERTMANAGER)["inhibit_rules"]
    matchers = [text for rule in rules_of for side in ("source", "target") for text in rule[f"{side}_matchers"]]
    patterns = [match[1] for text in matchers if (match := re.fullmatch(r'alertname =~? "(.+)"', text))]

    names = [alert["alert"] for alert in alerts()]
    assert len(patterns) > 5
    for part in "|".join(patterns).split("|"):
        assert any(re.fullmatch(part, name) for name in names), part
