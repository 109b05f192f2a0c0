"""What a key or a session is answered is for its asker alone: no cache between or behind keeps it."""

from collections.abc import Mapping
from typing import ClassVar

from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

UNLINKED = {"referrer-policy": "no-referrer", "x-robots-tag": "noindex, nofollow, noarchive"}
"""Of what an address alone opens: no other site learns it from a browser, and no search engine lists it."""


class _HeadersMiddleware(ASGIMiddleware):
    """Sets headers of every answer, errors too."""

    scopes = (ScopeType.HTTP,)
    HEADERS: ClassVar[Mapping[str, str]] = {}

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass the request on, and mark its answer."""

        async def mark(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableScopeHeaders.from_message(message)
                for name, value in self.HEADERS.items():
                    headers[name] = value
            await send(message)

        await next_app(scope, receive, mark)


class PrivateAnswersMiddleware(_HeadersMiddleware):
    """For what a key or a session is answered."""

    HEADERS: ClassVar[Mapping[str, str]] = {"cache-control": "private, no-store", "vary": "authorization, cookie"}


class UnlinkedAnswersMiddleware(_HeadersMiddleware):
    """For what a share link is answered."""

    HEADERS: ClassVar[Mapping[str, str]] = UNLINKED
