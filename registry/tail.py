"""Follows one compacted topic in a thread of its own and folds its records into a state."""

import threading
import time
from typing import Any, Protocol

from registry.log import ONLY_PARTITION
from runtime.errors import PipelineError, RefusedError, UnavailableError
from runtime.kafka import KafkaError, LogRecord, TopicPartition, log_record, make_consumer, refusal_behind
from runtime.kafka_errors import explain, is_refusal
from runtime.logging import get_logger
from runtime.metrics import REGISTRY_BAD_RECORDS
from runtime.settings import KafkaSettings

log = get_logger(__name__)

# The broker answers at once when there is a record; so long it may keep a question open when there is none.
POLL_MS = 500
FIRST_POLL_MS = 50
# How often the end of the topic is asked for: what shows a broker outage, and a topic that was made anew.
CHECK_S = 2.0
RETRY_S = 0.5
LOG_EVERY_S = 30.0
STOP_S = 10.0


class TopicProjection(Protocol):
    """What a topic is folded into. Called in the follower's thread only."""

    def reset(self) -> None:
        """Forget everything: the topic is about to be read from its beginning again."""
        ...

    def apply(self, record: LogRecord) -> None:
        """Take *record* in; an empty value is a tombstone. Raises `ValueError` where it cannot be read."""
        ...

    def publish(self) -> None:
        """Show the state to readers: the topic has been read to its end, and something changed."""
        ...


class TopicTail:
    """The thread. A broker outage, a bad record or a fault in the fold never ends it: it reports and goes on."""

    def __init__(self, settings: KafkaSettings, topic: str, fold: TopicProjection) -> None:
        self._settings = settings
        self._topic = topic
        self._fold = fold
        self._partition = TopicPartition(topic, ONLY_PARTITION)
        self._next = 0
        self._last: int | None = None
        self._end: int | None = None
        self._dirty = True
        self._stopping = threading.Event()
        self._heard = threading.Event()
        """The topic was read to its end, or the broker has refused that."""
        self._caught_up = False
        self._refused = False
        self._trouble: str | None = f"{topic} has not been read yet"
        self._logged_at = float("-inf")
        self._thread: threading.Thread | None = None

    def skip_all_but(self, last: int) -> None:
        """Begin with the *last* offsets of the topic: what lies further back would be forgotten again anyway."""
        self._last = last

    def start(self, timeout_s: float) -> None:
        """Read the topic to its end once, then go on in the background.

        Raises `RefusedError` where the broker says no, `UnavailableError` where that takes longer than *timeout_s*;
        nothing is left running then.
        """
        self._thread = threading.Thread(target=self._run, name=f"follow-{self._topic}", daemon=True)
        self._thread.start()
        self._heard.wait(timeout_s)
        if self._caught_up:
            return
        reason, refused = self._trouble, self._refused
        self.stop()
        if refused:
            raise RefusedError(reason)
        raise UnavailableError(f"{self._topic} could not be read to its end within {timeout_s:g} s: {reason}")

    def stop(self) -> None:
        """End the thread; what was read stays readable."""
        self._stopping.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(STOP_S)

    def problem(self) -> str | None:
        """Return what keeps the state from being up to date, or None."""
        if self._thread is None or not self._thread.is_alive():
            return f"{self._topic} is not being followed"
        return self._trouble

    def _run(self) -> None:
        """Follow until stopped: each pause ends with the stop, so this loop has its own."""
        while not self._stopping.is_set():
            try:
                self._follow()
            except (KafkaError, PipelineError) as error:
                self._refused = isinstance(error, RefusedError) or is_refusal(error)
                self._report(f"{self._topic} cannot be read: {explain(self._settings, error)}")
                if self._refused:
                    self._heard.set()
            except Exception:
                # Outermost loop of the thread: the log has the trace, and reading starts again on a new consumer.
                self._report(f"{self._topic}: following it failed and is tried again")
                log.exception("following a topic failed and is tried again", topic=self._topic)
            self._stopping.wait(RETRY_S)

    def _follow(self) -> None:
        consumer = make_consumer(self._settings, client_id=f"avenue-follow-{self._topic}", fetch_max_wait_ms=POLL_MS)
        try:
            consumer.assign([self._partition])
            if self._last is not None and not self._next:
                self._next = max(0, consumer.end_offsets([self._partition])[self._partition] - self._last)
            consumer.seek(self._partition, self._next)
            self._end = None
            checked_at = float("-inf")
            while not self._stopping.is_set():
                if self._end is None or time.monotonic() - checked_at >= CHECK_S:
                    self._check_end(consumer)
                    checked_at = time.monotonic()
                self._take_in(consumer)
        finally:
            consumer.close(autocommit=False, timeout_ms=1000)

    def _check_end(self, consumer: Any) -> None:
        try:
            self._end = consumer.end_offsets([self._partition])[self._partition]
        except KafkaError as error:
            if is_refusal(cause := refusal_behind(consumer, error)):
                raise cause from error
            # The consumer reconnects by itself; what was read stays in force meanwhile.
            self._report(f"{self._topic} cannot be read: {explain(self._settings, error)}")
            return
        if self._end < self._next:
            self._begin_anew()
            consumer.seek(self._partition, 0)

    def _take_in(self, consumer: Any) -> None:
        # At a start nothing may come at all, and somebody waits for the word that all is read.
        for records in consumer.poll(timeout_ms=FIRST_POLL_MS if self._dirty else POLL_MS).values():
            for record in map(log_record, records):
                self._apply(record)
        if self._end is None or not (self._dirty or self._trouble):
            return
        # The position counts what compaction took away at the end; the last record's offset would not.
        if (consumer.position(self._partition, timeout_ms=1000) or 0) < self._end:
            return
        # Only now: that the broker answers does not mean that what it has can be read.
        self._trouble = None
        if self._dirty:
            self._fold.publish()
            self._dirty = False
            self._caught_up = True
            self._heard.set()

    def _apply(self, record: LogRecord) -> None:
        if record.offset < self._next:
            self._begin_anew()
        self._next = record.offset + 1
        self._dirty = True
        try:
            self._fold.apply(record)
        except ValueError as error:
            REGISTRY_BAD_RECORDS.labels(self._topic).inc()
            log.warning("record skipped", topic=self._topic, offset=record.offset, cause=str(error))

    def _begin_anew(self) -> None:
        log.warning("topic was made anew and is read from its beginning", topic=self._topic)
        self._fold.reset()
        self._next = 0
        self._dirty = True

    def _report(self, trouble: str) -> None:
        now = time.monotonic()
        if self._trouble is None or now - self._logged_at >= LOG_EVERY_S:
            log.warning("topic cannot be followed for now", topic=self._topic, trouble=trouble)
            self._logged_at = now
        self._trouble = trouble
