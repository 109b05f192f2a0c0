"""Errors of the reading API as RFC 9457 problems; what a reader may not see is told like what does not exist."""

from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException, ValidationException

from reports.access.replays import NobodyReplaysError, ReplayUnderWayError
from reports.api.auth import ForeignOriginError, ReadingKeyError, SendingKeyError, UnauthorizedError
from reports.notifications.teller import NobodyTellsError, TooManyTestsError
from reports.queries.events_export import TooManyRowsError
from reports.queries.model import NotCompleteError, TooManyPointsError
from reports.service import TooBusyError
from runtime.clickhouse import ClickHouseError
from runtime.errors import UnavailableError, first_line
from runtime.logging import get_logger
from runtime.problems import PROBLEM_JSON, Problem, phrase

log = get_logger(__name__)

AnyRequest = Request[Any, Any, Any]


class ParameterError(Exception):
    """A parameter cannot be taken as it is."""

    def __init__(self, parameter: str, detail: str, allowed: tuple[str, ...] = ()) -> None:
        super().__init__(detail)
        self.parameter = parameter
        self.detail = detail
        self.allowed = allowed


class NotSeenError(Exception):
    """There is no such thing for this reader, whether there is one for others or not."""


class NotYoursToGiveError(Exception):
    """The reader sees the trial, and may not show it to others."""


class TooManySharesError(Exception):
    """The trial has as many share links as it may; the message is how many."""


class NoLongerKeptError(Exception):
    """The trial's events and numbers were destroyed at their end."""


class NotAcceptableError(Exception):
    """No form that the request accepts can be given."""


def answer(
    status: int,
    detail: str,
    *,
    parameter: str = "",
    allowed: tuple[str, ...] = (),
    headers: dict[str, str] | None = None,
) -> Response[Problem]:
    """Return a problem as a response; *detail* says what is wrong and the way out."""
    problem = Problem(
        title=phrase(status),
        status=status,
        detail=detail,
        parameter=parameter or msgspec.UNSET,
        allowed=list(allowed) or msgspec.UNSET,
    )
    return Response(problem, status_code=status, media_type=PROBLEM_JSON, headers=headers)


def _unauthorized(_: AnyRequest, __: Exception) -> Response[Problem]:
    return answer(401, "send a key that is valid: Authorization: Bearer …", headers={"WWW-Authenticate": "Bearer"})


def _sending_key(_: AnyRequest, __: Exception) -> Response[Problem]:
    return answer(
        403,
        "this key is an account's: it reads /v1/account; trials take one of scope startup:ID, programme or operator",
    )


def _reading_key(_: AnyRequest, __: Exception) -> Response[Problem]:
    return answer(403, "this is told to the account itself; it takes its key, of scope account:ID")


def _foreign_origin(_: AnyRequest, __: Exception) -> Response[Problem]:
    return answer(
        403,
        "a page of another site asked for this with your sign-in; ask from a page of this server, or with a key "
        "(behind a proxy, AVENUE_HTTP__PUBLIC_URL says under which address those pages are seen)",
    )


def not_found(_: AnyRequest, __: Exception) -> Response[Problem]:
    """Return the one 404 of the reading API: nothing in it depends on what was asked for."""
    return answer(404, "there is nothing here that this key may see; the paths are listed at /openapi.json")


def _not_yours_to_give(_: AnyRequest, __: Exception) -> Response[Problem]:
    return answer(403, "a trial is shown to others by its startup or an operator: send a key of scope startup:ID")


def _too_many_shares(_: AnyRequest, error: Exception) -> Response[Problem]:
    return answer(409, f"the trial has {error} share links already; end one first (DELETE /v1/shares/{{id}})")


def _no_longer_kept(_: AnyRequest, error: Exception) -> Response[Problem]:
    return answer(410, f"the trial's numbers were kept until {error} and are gone; a frozen report is what is left")


def _parameter(_: AnyRequest, error: Exception) -> Response[Problem]:
    if not isinstance(error, ParameterError):
        raise error
    return answer(400, f"{error.parameter}: {error.detail}", parameter=error.parameter, allowed=error.allowed)


def _too_many_points(_: AnyRequest, error: Exception) -> Response[Problem]:
    return answer(400, str(error), parameter="step")


def _not_complete(_: AnyRequest, error: Exception) -> Response[Problem]:
    return answer(400, f"as_of: {error}", parameter="as_of")


def _too_many_rows(_: AnyRequest, error: Exception) -> Response[Problem]:
    return answer(400, f"{error}; shorten from…to, or ask for csv or ndjson", parameter="from")


def _not_acceptable(_: AnyRequest, __: Exception) -> Response[Problem]:
    allowed = ("text/csv", "application/x-ndjson", "application/vnd.apache.parquet")
    return answer(
        406,
        "events come in none of the accepted forms; accept one that is allowed, or name it with ?format=",
        parameter="Accept",
        allowed=allowed,
    )


def _busy(_: AnyRequest, __: Exception) -> Response[Problem]:
    headers = {"Retry-After": str(TooBusyError.retry_after_s)}
    return answer(503, "more is being asked than can be answered soon; ask again", headers=headers)


def _too_many_tests(_: AnyRequest, __: Exception) -> Response[Problem]:
    return answer(
        429, "this channel was tried often enough for now; try it again later", headers={"Retry-After": "600"}
    )


def _replay_under_way(_: AnyRequest, __: Exception) -> Response[Problem]:
    return answer(429, "a replay of this account's rejects is under way; ask again", headers={"Retry-After": "5"})


def _nobody_replays(_: AnyRequest, __: Exception) -> Response[Problem]:
    return answer(
        503,
        "only a gateway judges rejects, and none runs beside this process: nothing was replayed; have the operator run "
        "`avenue rejects replay --account` with this account's id, which asks the gateway",
    )


def _nobody_tells(_: AnyRequest, __: Exception) -> Response[Problem]:
    return answer(503, "this process tells no channels; ask one that does", headers={"Retry-After": "60"})


def _store(_: AnyRequest, error: Exception) -> Response[Problem]:
    # The first line names the fault; what follows may hold the query.
    log.error("a query failed", error=type(error).__name__, detail=first_line(error))
    return answer(503, "the store did not answer in time; ask for less, or again", headers={"Retry-After": "5"})


def _invalid(_: AnyRequest, error: Exception) -> Response[Problem]:
    """Answer for what the framework could not read as the parameter's type."""
    if not isinstance(error, ValidationException):
        raise error
    found: dict[str, Any] = next(iter(error.extra), {}) if isinstance(error.extra, list) else {}
    parameter = str(found.get("key", ""))
    detail = f"{parameter}: {found.get('message', '')}" if parameter else "a parameter cannot be read"
    return answer(400, f"{detail[:300]}; /openapi.json says what it may be", parameter=parameter)


def _method(_: AnyRequest, error: Exception) -> Response[Problem]:
    allowed = _headers(error).get("allow", "")
    methods = ", ".join(sorted(part.strip() for part in allowed.split(",") if part.strip()))
    return answer(405, f"this path does not take the method; it takes {methods}", headers={"Allow": methods})


def _http(_: AnyRequest, error: Exception) -> Response[Problem]:
    if not isinstance(error, HTTPException):
        raise error
    return answer(error.status_code, error.detail[:500] or phrase(error.status_code), headers=_headers(error))


def _headers(error: Exception) -> dict[str, str]:
    return dict(getattr(error, "headers", None) or {})


def _unexpected(_: AnyRequest, error: Exception) -> Response[Problem]:
    log.error("a request failed", error=type(error).__name__, exc_info=error)
    return answer(500, "this could not be answered; the server's log says why, so tell the operator when it was")


def _unavailable(_: AnyRequest, error: Exception) -> Response[Problem]:
    log.error("a change could not be kept", detail=first_line(error))
    return answer(503, "the change could not be kept for every process; ask again", headers={"Retry-After": "5"})


HANDLERS: dict[int | type[Exception], Any] = {
    UnauthorizedError: _unauthorized,
    SendingKeyError: _sending_key,
    ReadingKeyError: _reading_key,
    ForeignOriginError: _foreign_origin,
    NotSeenError: not_found,
    NotYoursToGiveError: _not_yours_to_give,
    TooManySharesError: _too_many_shares,
    NoLongerKeptError: _no_longer_kept,
    ParameterError: _parameter,
    TooManyPointsError: _too_many_points,
    TooManyRowsError: _too_many_rows,
    NotCompleteError: _not_complete,
    NotAcceptableError: _not_acceptable,
    TooBusyError: _busy,
    TooManyTestsError: _too_many_tests,
    NobodyTellsError: _nobody_tells,
    ReplayUnderWayError: _replay_under_way,
    NobodyReplaysError: _nobody_replays,
    ClickHouseError: _store,
    UnavailableError: _unavailable,
    ValidationException: _invalid,
    MethodNotAllowedException: _method,
    NotFoundException: not_found,
    HTTPException: _http,
    Exception: _unexpected,
}
"""For the application as a whole: whatever goes wrong in it is told in one shape."""
