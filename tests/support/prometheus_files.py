"""The operators' files of Prometheus, Alertmanager and Grafana, read for tests."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from runtime.reference import described_metrics
from tests.conftest import missing_service
from tests.support.paths import OPS

RULES = sorted((OPS / "prometheus" / "rules").glob("*.yml"))
RULE_TESTS = sorted((OPS / "prometheus" / "tests").glob("*.test.yml"))
DASHBOARDS = sorted((OPS / "grafana" / "dashboards").glob("*.json"))
PACKAGES = {
    "promtool": "prometheus",
    "prometheus": "prometheus",
    "amtool": "prometheus-alertmanager",
    "prometheus-alertmanager": "prometheus-alertmanager",
}
_NAME = re.compile(r"\b(?:\w+:)?avenue[_:]\w+(?::\w+)*")


def tool(name: str) -> str:
    """Return the path of *name*; skip, or fail in CI, with the package that has it."""
    found = shutil.which(name)
    if found is None:
        missing_service(f"{name} is not here: apt-get install {PACKAGES[name]}")
    assert found is not None
    return found


def read_yaml(path: Path) -> Any:
    """Return the content of *path*."""
    return msgspec.yaml.decode(path.read_bytes())


def rules() -> Iterator[dict[str, Any]]:
    """Yield every rule, recording and alerting."""
    for path in RULES:
        for group in read_yaml(path)["groups"]:
            yield from group["rules"]


def alerts() -> list[dict[str, Any]]:
    """Return every alerting rule."""
    return [rule for rule in rules() if "alert" in rule]


def panels() -> list[dict[str, Any]]:
    """Return every panel of every dashboard that asks something."""
    return [panel for path in DASHBOARDS for panel in json.loads(path.read_text())["panels"] if panel.get("targets")]


def names_in(expression: str) -> set[str]:
    """Return the metrics and recordings of ours that *expression* names."""
    return set(_NAME.findall(expression))


def known_names() -> set[str]:
    """Return every series there is: what the roles serve, and what the rules record."""
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    return recorded.union(*(metric.series for metric in described_metrics()))
