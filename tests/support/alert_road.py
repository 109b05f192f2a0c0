"""From a role that dies to the person who is told: a real Prometheus and a real Alertmanager with the shipped settings.

Only addresses are put in: where the roles are, where Alertmanager is, and the one channel under its receivers.
"""

import json
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import msgspec

from avenue.embedded.ports import free_port
from tests.support.live_alerts import ENOUGH
from tests.support.paths import OPS
from tests.support.prometheus_files import read_yaml, tool
from tests.support.prometheus_server import running_prometheus
from tests.support.waiting import wait_until


class OnCall:
    """Who is called: every alert of every notification, with the moment (monotonic seconds) it came."""

    def __init__(self) -> None:
        self.told: list[tuple[float, str, Mapping[str, str]]] = []
        """When, `firing` or `resolved`, and the alert's labels."""

    def take(self, body: Mapping[str, Any]) -> None:
        """Note a notification of Alertmanager."""
        self.told += [(time.monotonic(), alert["status"], alert["labels"]) for alert in body["alerts"]]

    def heard(self, alert: str, status: str, **labels: str) -> float | None:
        """Return when *alert* with *labels* was first told as *status*, or None."""
        asked = {"alertname": alert, **labels}.items()
        return next((at for at, was, having in self.told if was == status and asked <= having.items()), None)


@contextmanager
def on_call(roles: Mapping[str, Sequence[str]], folder: Path) -> Iterator[OnCall]:
    """Yield who is told of the alerts over *roles*: of each job's name the host:port of its ops ports."""
    folder.mkdir(exist_ok=True)
    with ExitStack() as stack:
        person, url = stack.enter_context(_listening())
        alertmanager = stack.enter_context(_running_alertmanager(folder, url))
        shipped = read_yaml(OPS / "prometheus" / "prometheus.yml")
        config = {
            "global": shipped["global"],
            "rule_files": [f"{OPS / 'prometheus' / 'rules'}/*.yml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": list(targets)}]} for job, targets in roles.items()
            ],
        }
        file = folder / "prometheus.yml"
        file.write_bytes(msgspec.yaml.encode(config))
        stack.enter_context(running_prometheus(tool("prometheus"), folder, file, ENOUGH))
        yield person


@contextmanager
def _listening() -> Iterator[tuple[OnCall, str]]:
    person = OnCall()

    class _Channel(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            person.take(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
            """Keep it quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Channel)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield person, f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def _running_alertmanager(folder: Path, channel: str) -> Iterator[str]:
    config = read_yaml(OPS / "alertmanager" / "alertmanager.yml")
    for receiver in config["receivers"]:
        receiver["webhook_configs"] = [{"url": channel, "send_resolved": True}]
    file, port, log = folder / "alertmanager.yml", free_port(), folder / "alertmanager.log"
    file.write_bytes(msgspec.yaml.encode(config))
    options = (
        f"--config.file={file}",
        f"--storage.path={folder}/alertmanager",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    )
    with log.open("wb") as output:
        process = subprocess.Popen([tool("prometheus-alertmanager"), *options], stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: _is_ready(port), 60, log.read_text)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/-/ready", timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
