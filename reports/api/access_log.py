"""Who read what: one audit line and two metrics for each request of the reading API."""

import time
from typing import Any

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from reports.scope import Reader
from runtime.logging import get_logger
from runtime.metrics import REPORT_REQUESTS, REPORT_SECONDS

log = get_logger(__name__)

READER = "avenue_reader"
"""Where a request's state keeps who asks, once known."""


class AccessLogMiddleware(ASGIMiddleware):
    """Counts and times each request by its route, and names its reader in the audit log. Never a key or a payload."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass the request on, and note what was answered, however it ended."""
        began, status = time.perf_counter(), 500

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await next_app(scope, receive, note)
        finally:
            route = str(scope.get("path_template", "-"))
            REPORT_REQUESTS.labels(route, status).inc()
            REPORT_SECONDS.labels(route).observe(time.perf_counter() - began)
            _audit(scope, route, status)


def _audit(scope: Scope, route: str, status: int) -> None:
    state: Any = scope.get("state", {})
    reader = state.get(READER)
    if isinstance(reader, Reader):
        trial = scope.get("path_params", {}).get("trial_id", "")
        log.info("read", key=reader.key_id, scope=reader.scope, route=route, trial=str(trial), status=status)
    elif status == 401:
        log.warning("read refused", route=route, status=status)
