"""A test event: made here for an account, judged and published as its own batch of one, and in no trial's numbers."""

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from producers.gateway.authentication import SecretsFor, authenticate_sender
from producers.gateway.http_request import HttpRequest
from producers.gateway.ingest_request import BatchElements, IngestRequest
from producers.gateway.pipeline import RequestIngestor
from producers.gateway.responses import HttpAnswer, problem
from producers.validation.placement import ResolvedPlacement, sandboxed
from registry.directory import Directory
from runtime.clock import Clock
from runtime.errors import RetryableError, UnavailableError
from runtime.metrics import GATEWAY_REQUESTS
from schemas.registry import Account

TEST_FLOW = "test"
"""The flow of a test event's delivery."""
TIMEOUT_S = 5.0
_NO_PLACE = (
    "nothing is registered that this account could report of now; a placement of it, or a product of its own with a "
    "running trial, has to be in the registry"
)


@dataclass(frozen=True, slots=True)
class PushedTest:
    """A test event that the log has: *stored* is where readers find it, *kafka_ms* how long that took."""

    account: Account
    event_id: str
    delivery_id: str
    stored: ResolvedPlacement
    received_ms: int
    kafka_ms: int


@dataclass(frozen=True, slots=True)
class PushTester:
    """Pushes test events for whoever may push batches."""

    directory: Callable[[], Directory]
    secrets_for: SecretsFor
    ingestor: RequestIngestor
    clock: Clock

    def sender_of(self, request: HttpRequest) -> Account | HttpAnswer:
        """Return whose test *request* asks for, or why nobody's."""
        return authenticate_sender(request, self.directory(), self.secrets_for, self.clock.now_ms())

    async def push(self, account: Account) -> PushedTest | HttpAnswer:
        """Push a test event of *account*; a problem where it has no place, or the log did not take it."""
        if account.mode == "refuse":
            return problem(429, "this account is told to come later, by the operator", retry_after_s=60)
        now_ms, began_s = self.clock.now_ms(), time.perf_counter()
        located = _place_of(account, self.directory(), now_ms)
        if located is None:
            return problem(409, _NO_PLACE)
        event_id = f"test.{secrets.token_hex(8)}"
        event = {
            "event_id": event_id,
            "kind": "interaction",
            "occurred_at": datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="milliseconds"),
            "product_id": located.product_id,
            **({"placement_id": located.placement_id} if located.placement_id else {}),
        }
        body = json.dumps(event).encode()
        # As of a sandbox, whatever the account is: it is in no trial's numbers.
        sandbox = account.model_copy(update={"sandbox": True})
        try:
            result = await self.ingestor.ingest(
                IngestRequest(sandbox, TEST_FLOW, BatchElements([body]), len(body), now_ms, TIMEOUT_S)
            )
        except (RetryableError, UnavailableError) as error:
            return problem(503, str(error), retry_after_s=getattr(error, "retry_after_s", 5))
        if result.others:
            return problem(409, f"the test event was refused: {result.others[0].reason}, {result.others[0].message}")
        GATEWAY_REQUESTS.labels(account.id, TEST_FLOW, 200).inc()
        kafka_ms = round((time.perf_counter() - began_s) * 1000)
        return PushedTest(account, event_id, result.delivery_id, sandboxed(located), now_ms, kafka_ms)


def _place_of(account: Account, directory: Directory, now_ms: int) -> ResolvedPlacement | None:
    """Return a place that *account* may report of now: one of its placements, else a product in a running trial."""
    products = directory.products_of(account.id)
    for placed in directory.placed.values():
        span = directory.trial_spans[placed.trial_id]
        own = placed.account_id == account.id and placed.product_id in products
        if own and placed.covers(now_ms) and span.covers(now_ms):
            return ResolvedPlacement(placed.placement_id, placed.product_id, placed.trial_id, "")
    for product in sorted(products):
        for span in directory.trials_of_product.get(product, ()):
            if span.covers(now_ms):
                return ResolvedPlacement("", product, span.trial_id, "")
    return None
