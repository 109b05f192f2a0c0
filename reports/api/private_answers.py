"""What a key or a session is answered is for its asker alone: no cache between or behind keeps it."""

from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send


class PrivateAnswersMiddleware(ASGIMiddleware):
    """Says so in the headers of every answer, errors too."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass the request on, and mark its answer."""

        async def mark(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableScopeHeaders.from_message(message)
                headers["cache-control"] = "private, no-store"
                headers["vary"] = "authorization, cookie"
            await send(message)

        await next_app(scope, receive, mark)
