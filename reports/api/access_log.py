"""Who read or changed what: one audit line and two metrics for each request of the reading API and the pages."""

import re
import time
from typing import TYPE_CHECKING, Any, Self

import msgspec
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from registry.audit_topic import all_written
from reports.api.auth import READING_METHODS
from reports.scope import AccountReader, Reader
from reports.service import ReadService
from runtime.errors import UnavailableError
from runtime.logging import get_logger
from runtime.metrics import REPORT_REQUESTS, REPORT_SECONDS
from runtime.problems import PROBLEM_JSON, Problem, phrase
from schemas.audit import AuditLine

if TYPE_CHECKING:
    from concurrent.futures import Future

log = get_logger(__name__)

READER = "avenue_reader"
"""Where a request's state keeps who asks, once known."""
TRIALS = "audit_trials"
"""Where it keeps which trials were asked for, of a page whose path names none: each is a line of the audit."""
SUBJECT = "audit_subject"
"""Where it keeps what was changed, by an id of ours, where the path does not name it."""
READS_ONLY = "reads_only"
"""The option of a handler that is asked by POST and changes nothing: its reader does not wait for the line."""
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
        """Pass the request on, and note what was answered, however it ended. The answer to a change is held until its
        line is written.
        """
        began, answered = time.perf_counter(), _Answered()
        of: Any = scope
        changes = of["method"] not in READING_METHODS and not of["route_handler"].opt.get(READS_ONLY)

        async def note(message: Message) -> None:
            if changes and _reader(scope) is not None:
                answered.held.append(message)
            else:
                await send(message)
            answered.take(message)

        noted: list[Future[bool]] = []
        try:
            await next_app(scope, receive, note)
        finally:
            route = str(scope.get("path_template", "-"))
            noted += self._audit(scope, route, answered)
            if not answered.held:
                self._count(route, answered.status, began)
        if answered.held:
            self._count(route, await _release(answered, noted, send), began)

    def _count(self, route: str, status: int, began: float) -> None:
        REPORT_REQUESTS.labels(route, status).inc()
        REPORT_SECONDS.labels(route).observe(time.perf_counter() - began)

    def _audit(self, scope: Scope, route: str, answered: "_Answered") -> "list[Future[bool]]":
        state: Any = scope.get("state", {})
        reader, noted = _reader(scope), []
        if reader is not None:
            in_path = str(scope.get("path_params", {}).get("trial_id", ""))
            for trial in state.get(TRIALS) or (getattr(reader, "trial_id", None) or in_path,):
                line = self._line(scope, (route, trial), reader, answered)
                noted.append(self._service.audit.note(line))
                log.info("read", key=line.key, scope=line.scope, route=route, trial=line.trial, status=line.status)
        elif answered.status == 401:
            log.warning("read refused", route=route, status=answered.status)
        return noted

    def _line(
        self, scope: Scope, of: tuple[str, str], reader: Reader | AccountReader, answered: "_Answered"
    ) -> AuditLine:
        route, trial = of
        named: Any = scope.get("path_params", {})
        share, channel = str(named.get("share_id", "")), str(named.get("channel_id", ""))
        state: Any = scope.get("state", {})
        return AuditLine(
            at_ms=self._service.clock.now_ms(),
            key=reader.key_id,
            scope=reader.scope,
            method=str(scope.get("method", "")),
            route=route,
            trial=trial if trial in self._service.directory().trials else "",
            share=share if _SHARE_ID.fullmatch(share) else "",
            subject=channel if channel in self._service.directory().channels else state.get(SUBJECT, ""),
            status=answered.status,
            sent_bytes=answered.sent_bytes,
            whole=answered.whole,
        )


def _reader(scope: Scope) -> Reader | AccountReader | None:
    found = scope.get("state", {}).get(READER)
    return found if isinstance(found, Reader | AccountReader) else None


async def _release(answered: "_Answered", noted: "list[Future[bool]]", send: Send) -> int:
    """Send what was held once its lines are written, and say else that it was not noted. Return the status sent."""
    try:
        await all_written(noted)
    except UnavailableError as error:
        log.warning("a change is not answered, since it could not be noted", status=answered.status)
        body = msgspec.json.encode(Problem(title=phrase(503), status=503, detail=str(error)))
        headers = [(b"content-type", PROBLEM_JSON.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})
        return 503
    for message in answered.held:
        await send(message)
    return answered.status


class _Answered:
    """What went out of an answer, and what of it waits."""

    def __init__(self) -> None:
        self.status = 500
        self.sent_bytes = 0
        self.whole = False
        self.held: list[Message] = []

    def take(self, message: Message) -> None:
        """Take in a message that was sent, or is held."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message["type"] == "http.response.body":
            self.sent_bytes += len(message.get("body", b""))
            self.whole = not message.get("more_body", False)
