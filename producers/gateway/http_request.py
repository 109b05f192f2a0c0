"""A push as HTTP brings it: what the server's and the framework's requests have in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """An HTTP request as it came. Header names are lower-case."""

    method: str
    path: str
    query: bytes
    headers: Mapping[str, str]
    body: bytes


def request_of(scope: Any, body: bytes) -> HttpRequest:
    """Return the request of an ASGI *scope* and its whole *body*."""
    return HttpRequest(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1") if scope.get("raw_path") else scope["path"],
        query=scope["query_string"],
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
        body=body,
    )
