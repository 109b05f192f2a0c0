"""Posts what waits in a spool to the gateway, in order, until each is in."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx

from avenue.connectors.spool import Spool, Waiting
from avenue.sending.retry import PASSING, FinalReply, RetryPolicy, WireRequest, send_with_retries
from registry.webhook_signing import standard_headers
from runtime.clock import Clock, SystemClock
from runtime.errors import ConfigurationError
from runtime.logging import get_logger

log = get_logger(__name__)

MAX_BATCH = 200
"""Messages of one push: some 200 KB."""
PAUSE_S = 30.0
"""After an answer that the next try may get, too: what refuses is mended by people."""
TRY_FOR_S = 60.0


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a connector posts, and how it signs: by Standard Webhooks with the account's secret for its flow."""

    url: str
    account: str
    flow: str
    secrets: Callable[[], bytes] = field(repr=False)
    """The key that signs now."""

    @property
    def path(self) -> str:
        """The flow's address at the gateway."""
        return f"/in/{self.account}/{self.flow}"


class Forwarder:
    """Takes from *spool* what waits, oldest first; it leaves the spool when the gateway says that it is in."""

    def __init__(
        self, client: httpx.AsyncClient, spool: Spool, destination: Destination, clock: Clock | None = None
    ) -> None:
        self._client = client
        self._spool = spool
        self._destination = destination
        self._clock = clock or SystemClock()
        self.posted = 0
        self.problem = ""
        """Why the last push was not taken; '' where it was."""

    async def check(self) -> None:
        """Raise `ConfigurationError` where the gateway knows no such account with a secret for the flow."""
        wire = WireRequest("GET", self._destination.path, {}, b"")
        reply = await send_with_retries(self._client, lambda: wire, RetryPolicy(0.0))
        if reply.status == 404:
            raise ConfigurationError(
                f"the gateway at {self._destination.url} has no account {self._destination.account} with a secret for "
                f'the flow {self._destination.flow}: enter {self._destination.flow} = ["env:NAME"] under its secrets, '
                "and apply the registry"
            )

    async def run(self, stored: asyncio.Event) -> None:
        """Post whatever waits, and again whenever *stored* is set. Ends only when it is cancelled."""
        while True:
            stored.clear()
            while await self.post_some():
                pass
            if self.problem:
                await asyncio.sleep(PAUSE_S)
            else:
                await stored.wait()

    async def post_some(self) -> bool:
        """Post one batch of what waits; return whether there was any and it is in."""
        waiting = self._spool.first(MAX_BATCH)
        if not waiting:
            return False
        reply = await send_with_retries(self._client, self._maker(waiting), RetryPolicy(TRY_FOR_S))
        if reply.status == 200:
            self._spool.remove(waiting)
            self.posted += len(waiting)
            self._note("")
            return True
        self._note(_problem(reply))
        return False

    def _maker(self, waiting: Sequence[Waiting]) -> Callable[[], WireRequest]:
        body = b'{"messages":[%b]}' % b",".join(message.body for message in waiting)
        # Of what it holds: a push that is sent again after a kill has the same id.
        message_id = f"live_{hashlib.sha256(body).hexdigest()[:32]}"

        def signed() -> WireRequest:
            stamp = standard_headers(self._destination.secrets(), message_id, self._clock.now_ms(), body)
            return WireRequest("POST", self._destination.path, {"content-type": "application/json", **stamp}, body)

        return signed

    def _note(self, problem: str) -> None:
        if problem and problem != self.problem:
            log.warning("the gateway takes nothing; what was heard waits", why=problem, waiting=self._spool.waiting())
        if self.problem and not problem:
            log.info("the gateway takes what waited", waiting=self._spool.waiting())
        self.problem = problem


def _problem(reply: FinalReply) -> str:
    if reply.status == 0:
        return f"no answer: {reply.error}"
    if reply.status == 401:
        return "401: the signature does not match; check --secret against the account's secret for this flow"
    if reply.status == 404:
        return "404: the account or its secret for this flow is gone from the registry"
    busy = " (busy)" if reply.status in PASSING else ""
    return f"the gateway answers {reply.status}{busy}"
