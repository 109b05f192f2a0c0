"""A producer that outlives a refusal and an outage: after them kafka-python's idempotent one (3.0.12) sends nothing.

Any error that a retry cannot mend (a timestamp too far ahead, a missing right) puts its transaction manager into a
state that it never leaves; each later send then fails with the same error until the client is made anew.
A record that was sent once and then expires, as in an outage longer than the delivery time-out, costs it its producer
id, and it never asks for another: whatever is sent later is neither sent nor failed, for ever.
"""

import threading
from collections.abc import Callable
from typing import Any

from kafka.errors import KafkaError, KafkaTimeoutError

from runtime.errors import PipelineError
from runtime.logging import get_logger

log = get_logger(__name__)

PAUSE_S = 1.0
"""Between two renewals: where every record is refused, a new client each time would help nobody."""
CLOSE_S = 2.0


class SelfHealingProducer:
    """A `KafkaProducer` that is replaced behind the scenes when it is spoilt. What failed meanwhile stays failed.

    Safe from several threads, as kafka-python's own is.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._current = make()
        self._topics: set[str] = set()
        self._lock = threading.Lock()
        self._renewing = False
        self._closed = threading.Event()

    def send(self, topic: str, *arguments: Any, **named: Any) -> Any:
        """Do as `KafkaProducer.send` does."""
        producer = self._current
        self._topics.add(topic)
        try:
            future = producer.send(topic, *arguments, **named)
        except KafkaError as error:
            self._look(producer, error)
            raise
        future.add_errback(lambda error: self._look(producer, error, expired=isinstance(error, KafkaTimeoutError)))
        return future

    def partitions_for(self, topic: str) -> Any:
        """Return the partitions of *topic*, asked of the broker where they are not known."""
        self._topics.add(topic)
        return self._current.partitions_for(topic)

    def flush(self, timeout: float | None = None) -> None:
        """Wait until what was sent is acknowledged or failed."""
        self._current.flush(timeout=timeout)

    def close(self, timeout: float | None = None) -> None:
        """Send what is waiting, no longer than *timeout* seconds, and disconnect."""
        with self._lock:
            self._closed.set()
            producer = self._current
        _end(producer, timeout)

    def _look(self, producer: Any, error: BaseException, *, expired: bool = False) -> None:
        if getattr(error, "retriable", True) and not expired:
            return
        with self._lock:
            if self._renewing or self._closed.is_set() or producer is not self._current:
                return
            self._renewing = True
        threading.Thread(target=self._renew, args=(producer, error), name="producer-renewal", daemon=True).start()

    def _renew(self, spoilt: Any, error: BaseException) -> None:
        """Connect anew until that works or this is closed, which ends each pause: so this loop has its own."""
        log.warning("the broker refused a record, or was away for long; connecting anew", cause=type(error).__name__)
        while not (self._closed.is_set() or self._renewed(spoilt)):
            self._closed.wait(PAUSE_S)
        self._closed.wait(PAUSE_S)
        with self._lock:
            self._renewing = False

    def _renewed(self, spoilt: Any) -> bool:
        try:
            fresh = self._make()
            for topic in tuple(self._topics):
                # Else the first send to it would wait for that, in whatever thread.
                fresh.partitions_for(topic)
        except (PipelineError, KafkaError) as failed:
            log.warning("connecting anew failed and is tried again", cause=str(failed)[:300])
            return False
        self._put(fresh)
        _end(spoilt, CLOSE_S)
        return True

    def _put(self, fresh: Any) -> None:
        with self._lock:
            if not self._closed.is_set():
                self._current = fresh
                return
        fresh.close(timeout=CLOSE_S)


def _end(producer: Any, timeout_s: float | None) -> None:
    """Close *producer*; what is not acknowledged within *timeout_s* fails, so that nobody waits for it for ever."""
    try:
        producer.close(timeout=timeout_s)
    except KafkaTimeoutError:
        # Its `close` gives up before it ends anything, its thread included, where a record is left.
        producer._sender.force_close()  # noqa: SLF001 - the only way to end it
