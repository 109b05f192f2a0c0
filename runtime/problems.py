"""What an error looks like to a program: RFC 9457, in one shape wherever this server answers."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from litestar.openapi.datastructures import ResponseSpec

PROBLEM_JSON: Final = "application/problem+json"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An error as RFC 9457 writes it. `detail` says in one sentence what is wrong and the way out."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    parameter: str | msgspec.UnsetType = msgspec.UNSET
    """The parameter at fault, where one is."""
    allowed: list[str] | msgspec.UnsetType = msgspec.UNSET
    """What it may be, where that is a closed set."""
    stored: str | msgspec.UnsetType = msgspec.UNSET
    """After a push that was not answered positively: `nothing`, or `unknown` where part may be stored."""


def phrase(status: int) -> str:
    """Return the title of *status*."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


_WHEN: Final[dict[int, str]] = {
    400: "The request cannot be read; `parameter` names what is at fault, where it is a parameter.",
    401: "No valid key or signature came with the request.",
    403: "The key is valid, but for something else.",
    404: "There is no such thing, or none that this key may see.",
    406: "No form that the request accepts can be given.",
    409: "Something stands in the way: the `Idempotency-Key` came with another body, or no share link is left.",
    410: "The trial's events and numbers were destroyed when their time was over.",
    413: "The body is larger, or holds more events, than is taken.",
    415: "The body's type or encoding is not taken.",
    429: "Too many requests a second; `Retry-After` says how long to wait.",
    500: "A fault of this server, which its log explains.",
    503: "Busy, or something behind this server does not answer; `Retry-After` says when to ask again.",
}


def problem_responses(*statuses: int) -> "dict[int, ResponseSpec]":
    """Return what the OpenAPI document says of an operation's errors with *statuses*."""
    from litestar.openapi.datastructures import ResponseSpec

    return {
        status: ResponseSpec(
            data_container=Problem, description=_WHEN[status], media_type=PROBLEM_JSON, generate_examples=False
        )
        for status in statuses
    }
