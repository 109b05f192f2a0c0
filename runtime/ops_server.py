"""The ops port of every role: `/metrics`, `/health/live`, `/health/ready`, in a thread of its own.

It answers while the role's own loop is stuck, which is when it is needed most. Where one process has several roles,
`/metrics?role=sink` gives one role's metrics: a Prometheus with a job for each role counts nothing three times.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Collection, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from runtime.errors import ConfigurationError
from runtime.health import Health
from runtime.memory_limit import memory_limit_bytes
from runtime.metrics import ROLE_CLOCK, ROLE_MEMORY_LIMIT, registry_of

StartResponse = Callable[..., Any]


class _ThreadingServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    # Fails on a taken port instead of sharing it.
    allow_reuse_port = False


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Keep probes out of the log."""


class OpsServer:
    """Serves *health* and the metrics of *roles*. Raises `ConfigurationError` where the port is taken."""

    def __init__(self, health: Health, roles: Collection[str], *, host: str, port: int) -> None:
        self._health = health
        self._metrics = {role: make_wsgi_app(registry_of({role})) for role in roles}
        self._all_metrics = make_wsgi_app(registry_of(roles))
        try:
            self._server = make_server(
                host, port, self._answer, server_class=_ThreadingServer, handler_class=_QuietHandler
            )
        except OSError as error:
            raise ConfigurationError(
                f"the ops port {host}:{port} cannot be opened ({error.strerror}); "
                "choose another with --ops-port or AVENUE_HTTP__OPS_PORT"
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="ops", daemon=True)

    @property
    def port(self) -> int:
        """The port in use."""
        return self._server.server_port

    def start(self) -> None:
        """Begin to answer."""
        ROLE_MEMORY_LIMIT.set(memory_limit_bytes())
        ROLE_CLOCK.set_function(time.time)
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def _answer(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            return self._answer_metrics(environ, start_response)
        if path == "/health/live":
            return _json(start_response, "200 OK", {"live": True})
        if path == "/health/ready":
            # The pid tells whoever started this process that it is not another one's answer.
            state = {**self._health.read(), "pid": os.getpid()}
            return _json(start_response, "200 OK" if state["ready"] else "503 Service Unavailable", state)
        return _json(start_response, "404 Not Found", {"paths": ["/metrics", "/health/live", "/health/ready"]})

    def _answer_metrics(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        asked = parse_qs(environ.get("QUERY_STRING", "")).get("role")
        app = self._all_metrics if asked is None else self._metrics.get(asked[0])
        if app is None:
            return _json(
                start_response, "404 Not Found", {"error": "not a role of this process", "roles": [*self._metrics]}
            )
        # Asks the checks, which set `avenue_role_ready`: without it the gauge would be as old as the last probe.
        self._health.read()
        metrics: Iterable[bytes] = app(environ, start_response)
        return metrics


def _json(start_response: StartResponse, status: str, body: dict[str, Any]) -> Iterable[bytes]:
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]
