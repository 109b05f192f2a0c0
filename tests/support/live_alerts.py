"""The operators' rules over what roles really export: `watched` runs a Prometheus on their pages."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from runtime.reference import described_metrics
from tests.support.paths import OPS
from tests.support.prometheus_files import alerts, names_in, panels, rules, tool
from tests.support.prometheus_server import Prometheus, running_prometheus
from tests.support.waiting import let_pass

ENOUGH = "count_over_time(avenue_role_ready[1m]) > 2"
LOOKS = 20
LOOK_S = 1.0
_CONFIG = """
global: {{ scrape_interval: 1s, evaluation_interval: 1s }}
rule_files: ["{rules}/*.yml"]
scrape_configs:
"""
# As in ops/prometheus/embedded.yml: a process of several roles is asked for one at a time.
_JOB = '  - {{ job_name: {job}, params: {{ role: [{job}] }}, static_configs: [{{ targets: ["{targets}"] }}] }}\n'


@contextmanager
def watched(roles: Mapping[str, Sequence[str]], folder: Path) -> Iterator[Prometheus]:
    """Yield a Prometheus that reads *roles*: of each job's name the host:port of its ops ports."""
    folder.mkdir(exist_ok=True)
    config = folder / "prometheus.yml"
    jobs = (_JOB.format(job=job, targets='", "'.join(targets)) for job, targets in roles.items())
    config.write_text(_CONFIG.format(rules=OPS / "prometheus" / "rules") + "".join(jobs))
    with running_prometheus(tool("prometheus"), folder, config, ENOUGH) as made:
        yield made


def alerts_that_would_fire(prometheus: Prometheus, live: Callable[[], object]) -> set[str]:
    """Return the alerts whose condition held at each of many looks, or at any where they wait for nothing.

    *live* is called before each look: traffic.
    """
    seen: list[set[str]] = []
    for _ in range(LOOKS):
        live()
        seen.append({alert["alert"] for alert in alerts() if prometheus.ask(str(alert["expr"]))})
        let_pass(LOOK_S)  # a Prometheus looks by the clock: what lasts is what is asked for
    at_once = {alert["alert"] for alert in alerts() if "for" not in alert}
    return set.intersection(*seen) | (set.union(*seen) & at_once)


def assert_exports_its_own(page: str, roles: set[str]) -> None:
    """Fail unless a metrics *page* has exactly the metrics of *roles*."""
    found = families(page)
    assert found, "an empty page"
    assert found == {metric.name for metric in described_metrics() if roles & set(metric.roles)}


def assert_all_is_exported(pages: Sequence[str]) -> None:
    """Fail where a rule or a panel asks for a metric that none of the *pages* has."""
    asked = [str(rule["expr"]) for rule in rules()]
    asked += [target["expr"] for panel in panels() for target in panel["targets"]]
    named = {name for name in set().union(*map(names_in, asked)) if ":" not in name}
    found = set().union(*map(families, pages))
    assert len(named) > len(alerts())
    assert {
        name for name in named if name not in found and re.sub("_(bucket|sum|count)$", "", name) not in found
    } == set()


def families(page: str) -> set[str]:
    """Return the metrics of ours that a metrics *page* declares, whether or not they have figures yet."""
    found = set(re.findall(r"^# TYPE (avenue_\w+) ", page, re.MULTILINE))
    return {name for name in found if not name.endswith("_created")}  # the client's, beside each counter


def page_of(ops_url: str) -> str:
    """Return the metrics page at *ops_url*."""
    return httpx.get(f"{ops_url}/metrics", timeout=10, trust_env=False).raise_for_status().text
