"""Errors of the reading API as RFC 9457 problems; what a reader may not see is told like what does not exist."""

from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from reports.api.auth import SendingKeyError, UnauthorizedError
from reports.queries.events_export import TooManyRowsError
from reports.queries.model import TooManyPointsError
from reports.reading import TooBusyError
from runtime.clickhouse import ClickHouseError
from runtime.logging import get_logger

log = get_logger(__name__)

PROBLEM_JSON = "application/problem+json"
AnyRequest = Request[Any, Any, Any]


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457; `parameter` and `allowed` where a parameter is at fault."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
    parameter: str = ""
    allowed: list[str] = []


class ParameterError(Exception):
    """A parameter cannot be taken as it is."""

    def __init__(self, parameter: str, detail: str, allowed: tuple[str, ...] = ()) -> None:
        super().__init__(detail)
        self.parameter = parameter
        self.detail = detail
        self.allowed = allowed


class NotSeenError(Exception):
    """There is no such thing for this reader, whether there is one for others or not."""


class NotAcceptableError(Exception):
    """No form that the request accepts can be given."""


def answer(problem: Problem, headers: dict[str, str] | None = None) -> Response[Problem]:
    """Return *problem* as a response."""
    return Response(problem, status_code=problem.status, media_type=PROBLEM_JSON, headers=headers)


def _unauthorized(_: AnyRequest, __: Exception) -> Response[Problem]:
    detail = "send a key that is valid: Authorization: Bearer …"
    return answer(Problem(title="Unauthorized", status=401, detail=detail), {"WWW-Authenticate": "Bearer"})


def _sending_key(_: AnyRequest, __: Exception) -> Response[Problem]:
    detail = "this key is for sending events; reading takes one of scope startup:ID, programme or operator"
    return answer(Problem(title="Forbidden", status=403, detail=detail))


def not_found(_: AnyRequest, __: Exception) -> Response[Problem]:
    """Return the one 404 of the reading API: nothing in it depends on what was asked for."""
    return answer(Problem(title="Not Found", status=404, detail="there is nothing here that this key may see"))


def _parameter(_: AnyRequest, error: Exception) -> Response[Problem]:
    if not isinstance(error, ParameterError):
        raise error
    return answer(
        Problem(
            title="Bad Request",
            status=400,
            detail=f"{error.parameter}: {error.detail}",
            parameter=error.parameter,
            allowed=list(error.allowed),
        )
    )


def _too_many_points(_: AnyRequest, error: Exception) -> Response[Problem]:
    return answer(Problem(title="Bad Request", status=400, detail=str(error), parameter="step"))


def _too_many_rows(_: AnyRequest, error: Exception) -> Response[Problem]:
    detail = f"{error}; shorten from…to, or ask for csv or ndjson"
    return answer(Problem(title="Bad Request", status=400, detail=detail, parameter="from"))


def _not_acceptable(_: AnyRequest, __: Exception) -> Response[Problem]:
    allowed = ["text/csv", "application/x-ndjson", "application/vnd.apache.parquet"]
    problem = Problem(title="Not Acceptable", status=406, detail="no such form", parameter="Accept", allowed=allowed)
    return answer(problem)


def _busy(_: AnyRequest, __: Exception) -> Response[Problem]:
    detail = "more is being asked than can be answered soon"
    headers = {"Retry-After": str(TooBusyError.retry_after_s)}
    return answer(Problem(title="Service Unavailable", status=503, detail=detail), headers)


def _store(_: AnyRequest, error: Exception) -> Response[Problem]:
    # The first line names the fault; what follows may hold the query.
    log.error("a query failed", error=type(error).__name__, detail=str(error).splitlines()[0][:300])
    detail = "the store did not answer in time; ask for less, or again"
    return answer(Problem(title="Service Unavailable", status=503, detail=detail), {"Retry-After": "5"})


def _http(_: AnyRequest, error: Exception) -> Response[Problem]:
    if not isinstance(error, HTTPException):
        raise error
    return answer(Problem(title=error.detail.split(":")[0][:100], status=error.status_code, detail=error.detail[:300]))


HANDLERS: dict[int | type[Exception], Any] = {
    UnauthorizedError: _unauthorized,
    SendingKeyError: _sending_key,
    NotSeenError: not_found,
    ParameterError: _parameter,
    TooManyPointsError: _too_many_points,
    TooManyRowsError: _too_many_rows,
    NotAcceptableError: _not_acceptable,
    TooBusyError: _busy,
    ClickHouseError: _store,
    HTTPException: _http,
}
"""For the router of the reading API."""
