"""Every panel's question is put to a real Prometheus that reads a role's metrics page; each gets figures back."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from avenue.embedded.ports import free_port
from ops.grafana import build
from tests.production_world import eventually
from tests.prometheus_files import DASHBOARDS, OPS, panels, tool

pytestmark = pytest.mark.prometheus

ROOT = OPS.parent
# Two readings of every counter, and the rules twice.
ENOUGH = "count_over_time(avenue:slow_share:ratio5m[1m]) > 2"
PORTS = 3
"""So many are tried: between choice and opening another test may be given the same."""
SCRAPE = """
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: ["%(rules)s/*.yml"]
scrape_configs:
  - { job_name: sink, static_configs: [{ targets: ["127.0.0.1:%(port)s"] }] }
"""


class Prometheus:
    """A running server."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1"

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that *expression* gives now."""
        answer = httpx.get(f"{self._url}/query", params={"query": expression}, timeout=10, trust_env=False)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def knows(self, expression: str) -> bool:
        """Tell whether *expression* gives anything; False while the server starts."""
        try:
            return bool(self.ask(expression))
        except (httpx.HTTPError, AssertionError):
            return False

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that fire, or will if their condition lasts."""
        answer = httpx.get(f"{self._url}/alerts", timeout=10, trust_env=False)
        found: list[dict[str, Any]] = answer.json()["data"]["alerts"]
        return found

    def rules(self) -> list[dict[str, Any]]:
        """Return every rule with its health."""
        groups = httpx.get(f"{self._url}/rules", timeout=10, trust_env=False).json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Run a metrics page and a Prometheus that reads it every second, with our rules."""
    server, folder = tool("prometheus"), tmp_path_factory.mktemp("prometheus")
    pipe = subprocess.PIPE
    stand = subprocess.Popen([sys.executable, "-m", "tests.prometheus_stand"], stdin=pipe, stdout=pipe, cwd=ROOT)
    assert stand.stdout is not None
    try:
        served = int(stand.stdout.readline().split()[1])
        config = folder / "prometheus.yml"
        config.write_text(SCRAPE % {"rules": OPS / "prometheus" / "rules", "port": served})
        with _running(server, folder, config) as made:
            yield made
    finally:
        stand.communicate()


@contextmanager
def _running(server: str, folder: Path, config: Path) -> Iterator[Prometheus]:
    """Run a Prometheus that has read something; where somebody was quicker to take its port, on another one."""
    for number in range(PORTS):
        port, log = free_port(), folder / f"log-{number}"
        options = (
            f"--config.file={config}",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        )
        with log.open("wb") as output:
            process = subprocess.Popen([server, *options], stdout=output, stderr=subprocess.STDOUT)
        try:
            made = Prometheus(port)
            eventually(
                lambda made=made, process=process: process.poll() is not None or made.knows(ENOUGH),  # type: ignore[misc]
                within_s=60,
                what=log.read_text,
            )
            if process.poll() is None:
                yield made
                return
            assert "address already in use" in log.read_text(), log.read_text()
        finally:
            process.terminate()
            process.wait()
    pytest.fail(f"{PORTS} ports were taken, one after another")


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


def test_the_road_is_told_from_left_to_right() -> None:
    road = [panel["title"] for panel in panels() if panel["gridPos"]["y"] == 1]

    assert road == ["Gateway", "Kafka: pilot-events", "Worker", "Kafka: product-metrics", "Sink", "ClickHouse"]


def test_the_datasource_that_panels_name_is_provisioned() -> None:
    provisioned = (OPS / "grafana" / "provisioning" / "datasources" / "prometheus.yml").read_text()

    assert {panel["datasource"]["uid"] for panel in panels()} == {"prometheus"}
    assert "uid: prometheus" in provisioned
    assert (
        "path: /etc/grafana/dashboards"
        in Path(OPS / "grafana" / "provisioning" / "dashboards" / "avenue.yml").read_text()
    )
