"""Every panel's question is put to a real Prometheus that reads a role's metrics page; each gets figures back."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.grafana import build
from tests.support.paths import OPS
from tests.support.prometheus_files import DASHBOARDS, panels, tool
from tests.support.prometheus_server import Prometheus, running_prometheus

pytestmark = pytest.mark.prometheus

ROOT = OPS.parent
# Two readings of every counter, and the rules twice.
ENOUGH = "count_over_time(avenue:slow_share:ratio5m[1m]) > 2"
SCRAPE = """
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: ["%(rules)s/*.yml"]
scrape_configs:
  - { job_name: sink, static_configs: [{ targets: ["127.0.0.1:%(port)s"] }] }
"""


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Run a metrics page and a Prometheus that reads it every second, with our rules."""
    server, folder = tool("prometheus"), tmp_path_factory.mktemp("prometheus")
    pipe = subprocess.PIPE
    stand = subprocess.Popen(
        [sys.executable, "-m", "tests.support.prometheus_rules"], stdin=pipe, stdout=pipe, cwd=ROOT
    )
    assert stand.stdout is not None
    try:
        served = int(stand.stdout.readline().split()[1])
        config = folder / "prometheus.yml"
        config.write_text(SCRAPE % {"rules": OPS / "prometheus" / "rules", "port": served})
        with running_prometheus(server, folder, config, ENOUGH) as made:
            yield made
    finally:
        stand.communicate()


def test_the_file_is_what_its_script_writes() -> None:
    assert DASHBOARDS == [build.TARGET]
    assert build.TARGET.read_text() == build.text(), "run `python ops/grafana/build.py`"


@pytest.mark.parametrize(
    ("title", "expression"),
    [(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]],
)
def test_a_panel_gets_figures(prometheus: Prometheus, title: str, expression: str) -> None:
    found = prometheus.ask(expression)

    assert found, title
    assert all(series["value"][1] != "NaN" for series in found)


def test_a_panels_legend_uses_labels_that_its_series_have(prometheus: Prometheus) -> None:
    named = 0
    for panel in panels():
        for target in panel["targets"]:
            wanted = {word.split("}}")[0] for word in target["legendFormat"].split("{{")[1:]}
            found = prometheus.ask(target["expr"])
            assert found, panel["title"]
            assert [series["metric"] for series in found if not wanted <= set(series["metric"])] == [], panel["title"]
            named += len(wanted)
    assert named > 10


def test_the_server_evaluates_every_rule_without_an_error(prometheus: Prometheus) -> None:
    health = {rule["name"]: rule["health"] for rule in prometheus.rules()}

    assert set(health.values()) == {"ok"}, health


def test_an_alert_reads_as_a_sentence_with_figures(prometheus: Prometheus) -> None:
    texts = {alert["labels"]["alertname"]: " ".join(alert["annotations"].values()) for alert in prometheus.alerts()}

    assert {"PublishFails", "PartnersTurnedAway", "StoreRetries", "WorkerCannotDecode"} & set(texts)
    assert [name for name, text in texts.items() if "error" in text or "<no value>" in text or "{{" in text] == []


def test_panels_fit_side_by_side() -> None:
    taken: set[tuple[int, int]] = set()
    assert len(panels()) > 10
    for panel in panels():
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= build.WIDTH
        taken |= cells


def test_the_sums_stand_above_the_road_which_is_told_from_left_to_right() -> None:
    rows: dict[int, list[str]] = {}
    for panel in panels():
        rows.setdefault(panel["gridPos"]["y"], []).append(panel["title"])

    first, road, pace, wrong = (rows[top] for top in sorted(rows)[:4])
    assert first[:2] == ["Sums that do not close", "Cells that differ from their events"]
    assert road == ["Gateway", "Kafka: pilot-events", "Worker", "Kafka: product-metrics", "Sink", "ClickHouse"]
    assert (pace[0], pace[-1]) == ("Events answered", "Rows stored")
    assert (wrong[0], wrong[-1]) == ("Requests turned away (5xx)", "Inserts tried again")


def test_a_number_is_that_of_the_road_and_none_is_invented_where_a_role_says_nothing(prometheus: Prometheus) -> None:
    asked = {panel["title"]: panel["targets"][0]["expr"] for panel in panels()}

    def value(title: str) -> float:
        (series,) = prometheus.ask(asked[title])
        return float(series["value"][1])

    exact = ("Sums that do not close", "Wait for the worker", "Wait for the sink", "Lines it could not decode")
    assert {title: value(title) for title in exact} == dict(zip(exact, (0, 7, 7, 0), strict=True))
    assert value("Push to reader, longest of the minute") == 0.8
    assert value("Requests turned away (5xx)") > 0
    nobody = asked["Lines it could not decode"].replace("avenue_worker", "avenue_absent")
    assert prometheus.ask(nobody) == []


def test_the_datasource_that_panels_name_is_provisioned() -> None:
    provisioned = (OPS / "grafana" / "provisioning" / "datasources" / "prometheus.yml").read_text()

    assert {panel["datasource"]["uid"] for panel in panels()} == {"prometheus"}
    assert "uid: prometheus" in provisioned
    assert (
        "path: /etc/grafana/dashboards"
        in Path(OPS / "grafana" / "provisioning" / "dashboards" / "avenue.yml").read_text()
    )
