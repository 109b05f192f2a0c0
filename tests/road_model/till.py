"""The model's till: Sunmi receipts of orders, and refund slips that name no amount; each through the real adapter."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from producers.adapters.base import MappingContext
from producers.adapters.catalogue import adapter_for
from producers.gateway.ingest_request import IngestRequest, NativeMessages
from producers.gateway.pipeline import RequestIngestor
from producers.gateway.responses import HttpAnswer, problem
from producers.orders.ledger import OrderLedger, event_digest, order_digest
from runtime.errors import RetryableError
from runtime.kafka import LogRecord
from schemas.lines import StoredEvent
from tests.road_model.surroundings import ACCOUNT, TILL, directory

FLOW = "receipt"
SALE, REFUND = 1, 2
_decode = msgspec.json.Decoder(StoredEvent).decode


@dataclass(frozen=True, slots=True)
class TillSlip:
    """What the till printed: the sale of an order, or its refund."""

    order: int
    refund: bool
    at_ms: int

    @property
    def name(self) -> tuple[int, bool]:
        """What makes two prints the same."""
        return self.order, self.refund

    @property
    def fen(self) -> int:
        """What its order came to."""
        return 1000 + self.order

    def is_known_to(self, ledger: OrderLedger) -> bool:
        """Tell whether *ledger* has its fact."""
        order = order_digest(ACCOUNT, f"sm:{TILL}:{self.order}")
        event = event_digest(f"sm-r:{TILL}:{self.order}:{REFUND if self.refund else SALE}")
        return bytes.fromhex(event) in ledger.facts(order)

    def document(self) -> dict[str, Any]:
        """Return the push, taken apart."""
        amount = {} if self.refund else {"order_received_amount": f"{self.fen / 100:.2f}"}
        payload = {
            "id": f"{self.order}-{self.refund}",
            "sn": TILL,
            "order_id": str(self.order),
            "order_time": str(self.at_ms // 1000),
            "receipt_type": REFUND if self.refund else SALE,
            **amount,
        }
        return {"form": {"event": "6004", "payload": payload}}


async def push_slip(ingestor: RequestIngestor, slip: TillSlip, received_ms: int) -> HttpAnswer:
    """Let *slip* in, and return the verdict as a batch would be told it."""
    account = directory().accounts[ACCOUNT]
    adapter = adapter_for(account.platform, FLOW)
    assert adapter is not None
    message = adapter.interpret(slip.document(), MappingContext(account, FLOW, received_ms))
    body = repr(slip).encode()
    request = IngestRequest(account, FLOW, NativeMessages((message,), body), len(body), received_ms, timeout_s=3600)
    try:
        return (await ingestor.ingest(request)).answer(every=True)
    except RetryableError as error:
        return problem(503, str(error), retry_after_s=1)


def wrong_refund(slips: Iterable[TillSlip], records: Iterable[LogRecord]) -> str:
    """Return what is wrong with the refunds on the log once every slip was answered, '' where nothing is.

    Each order that was given back gives back what it came to, and no other one gives back anything.
    """
    given_back: defaultdict[str, set[int | None]] = defaultdict(set)
    for record in records:
        for line in record.value.split(b"\n"):
            event = _decode(line)
            if event.kind == "order.refunded":
                given_back[event.event_id].add(event.amount_fen)
    sold = {slip.order for slip in slips if not slip.refund}
    due = {f"sm-r:{TILL}:{slip.order}:{REFUND}": {slip.fen} for slip in slips if slip.refund and slip.order in sold}
    return "" if due == given_back else f"due {due}, given back {dict(given_back)}"
