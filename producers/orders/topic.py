"""The topic of orders: follows what this gateway and the others wrote."""

import msgspec

from producers.orders.ledger import OrderLedger, decode_amount, read_key
from registry.tail import TopicTail
from runtime.kafka import LogRecord
from runtime.settings import KafkaSettings
from schemas.codec import decode_reject
from schemas.topics import Topic


class OrderFold:
    """What was read is added to the ledger at once, so there is nothing to publish."""

    def __init__(self, ledger: OrderLedger) -> None:
        self._ledger = ledger

    def reset(self) -> None:
        """Keep what is known: facts only add up."""

    def apply(self, record: LogRecord) -> None:
        """Take the fact of *record* in."""
        if record.key is None:
            return
        key = read_key(record.key.decode())
        try:
            if key.fact_type != "waiting":
                if record.value:
                    self._ledger.note(key, decode_amount(record.value).amount_fen)
            elif record.value:
                self._ledger.wait(key, decode_reject(record.value))
            else:
                self._ledger.wait_no_more(key)
        except msgspec.MsgspecError as error:
            raise ValueError(str(error)) from error

    def publish(self) -> None:
        """Nothing to show: readers ask the ledger."""


class OrderLog:
    """Keeps a ledger equal to the end of `orders.v1`: what lies further back than *last* records is not read."""

    def __init__(self, settings: KafkaSettings, ledger: OrderLedger, *, last: int) -> None:
        self._last = last
        self._tail = TopicTail(settings, Topic.ORDERS, OrderFold(ledger))

    def start(self, timeout_s: float) -> None:
        """Read the topic to its end, then go on in the background. Raises `UnavailableError` after *timeout_s*."""
        self._tail.skip_all_but(self._last)
        self._tail.start(timeout_s)

    def stop(self) -> None:
        """End the thread."""
        self._tail.stop()

    def problem(self) -> str | None:
        """Return what keeps the ledger from being up to date, or None."""
        return self._tail.problem()
