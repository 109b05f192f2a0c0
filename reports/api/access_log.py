"""Who read what: one audit line and two metrics for each request of the reading API and the pages."""

import re
import time
from typing import Any, Self

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from reports.scope import AccountReader, Reader
from reports.service import ReadService
from runtime.logging import get_logger
from runtime.metrics import REPORT_REQUESTS, REPORT_SECONDS
from schemas.audit import AuditLine

log = get_logger(__name__)

READER = "avenue_reader"
"""Where a request's state keeps who asks, once known."""
TRIALS = "audit_trials"
"""Where it keeps which trials were asked for, of a page whose path names none: each is a line of the audit."""
_SHARE_ID = re.compile(r"s-[0-9a-f]{16}")


class AccessLogMiddleware(ASGIMiddleware):
    """Counts and times each request by its route, and notes its reader for the audit. Never a key or a payload, nor
    what else stood in the address: an id is noted where it is one of ours.
    """

    scopes = (ScopeType.HTTP,)

    def __init__(self, service: ReadService) -> None:
        self._service = service

    def __deepcopy__(self, _: dict[int, Any]) -> Self:
        """Return itself: the framework copies what stands on a router, and a service cannot be copied."""
        return self

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass the request on, and note what was answered, however it ended."""
        began, answered = time.perf_counter(), _Answered()

        async def note(message: Message) -> None:
            await send(message)
            answered.take(message)

        try:
            await next_app(scope, receive, note)
        finally:
            route = str(scope.get("path_template", "-"))
            REPORT_REQUESTS.labels(route, answered.status).inc()
            REPORT_SECONDS.labels(route).observe(time.perf_counter() - began)
            self._audit(scope, route, answered)

    def _audit(self, scope: Scope, route: str, answered: "_Answered") -> None:
        state: Any = scope.get("state", {})
        reader = state.get(READER)
        if isinstance(reader, Reader | AccountReader):
            in_path = str(scope.get("path_params", {}).get("trial_id", ""))
            for trial in state.get(TRIALS) or (getattr(reader, "trial_id", None) or in_path,):
                line = self._line(scope, (route, trial), reader, answered)
                self._service.audit.note(line)
                log.info("read", key=line.key, scope=line.scope, route=route, trial=line.trial, status=line.status)
        elif answered.status == 401:
            log.warning("read refused", route=route, status=answered.status)

    def _line(
        self, scope: Scope, of: tuple[str, str], reader: Reader | AccountReader, answered: "_Answered"
    ) -> AuditLine:
        route, trial = of
        share = str(scope.get("path_params", {}).get("share_id", ""))
        return AuditLine(
            at_ms=self._service.clock.now_ms(),
            process=self._service.audit.process,
            number=self._service.audit.next_number(),
            key=reader.key_id,
            scope=reader.scope,
            method=str(scope.get("method", "")),
            route=route,
            trial=trial if trial in self._service.directory().trials else "",
            share=share if _SHARE_ID.fullmatch(share) else "",
            status=answered.status,
            sent_bytes=answered.sent_bytes,
            whole=answered.whole,
        )


class _Answered:
    """What went out of an answer."""

    def __init__(self) -> None:
        self.status = 500
        self.sent_bytes = 0
        self.whole = False

    def take(self, message: Message) -> None:
        """Take in a message that was sent."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message["type"] == "http.response.body":
            self.sent_bytes += len(message.get("body", b""))
            self.whole = not message.get("more_body", False)
