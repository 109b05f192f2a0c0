"""Watches a live stream as a server would, from its first counts to its end."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any


class LiveWatcher:
    """One live connection of an application, driven as a server drives it (the test client waits for an answer's end)."""

    def __init__(self, app: Any, path: str, given: Mapping[str, str]) -> None:
        self._sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        headers = [(name.encode(), value.encode()) for name, value in given.items()]
        scope: dict[str, Any] = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": headers,
            "state": {},
            "client": None,
            "server": ("t", 80),
            "scheme": "http",
            "root_path": "",
        }
        self._gone = asyncio.Event()
        self.task = asyncio.ensure_future(app(scope, self._receive, self._sent.put))

    async def _receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def counts(self) -> Any:
        """Return the next counts."""
        while True:
            message = await asyncio.wait_for(self._sent.get(), 20)
            for line in message.get("body", b"").splitlines():
                if line.startswith(b"data: "):
                    return json.loads(line.removeprefix(b"data: "))

    async def end(self) -> list[Any]:
        """Wait for the end of the answer and return the counts that came before it."""
        body, more = b"", True
        while more:
            message = await asyncio.wait_for(self._sent.get(), 20)
            body, more = body + message.get("body", b""), message.get("more_body", True)
        return [json.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: ")]

    async def leave(self) -> None:
        """Go away, and wait until the application noticed."""
        self._gone.set()
        await asyncio.wait_for(self.task, 20)
