"""Reads a source's past from the broker with a plain consumer: for rebuilds and gaps, in a thread."""

import time
from collections.abc import Iterator
from typing import Any

from runtime.errors import UnavailableError
from runtime.kafka import KafkaError, LogRecord, TopicPartition, log_record, make_consumer
from runtime.settings import KafkaSettings

POLL_MS = 500
SILENCE_S = 60.0
"""A broker that restarts is back in half of this; longer than that, a new process is the better try."""


class KafkaLog:
    """The records of one topic, by time or by offset. One thread at a time; keeps its consumer until `close`.

    Every read raises `UnavailableError` where the broker is silent for a minute.
    """

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._consumer: Any = None

    def since(self, partition: int, stamp_ms: int, before: int) -> Iterator[LogRecord]:
        """Yield the records from the first one stamped *stamp_ms* or later up to offset *before* (excluded)."""
        if stamp_ms <= 0:
            # Everything; a log that begins later sends the reader to its beginning.
            yield from self.between(partition, 0, before)
            return
        topic_partition = TopicPartition(self._topic, partition)
        try:
            found = self._client().offsets_for_times({topic_partition: stamp_ms}, timeout_ms=int(SILENCE_S * 1000))[
                topic_partition
            ]
        except KafkaError as error:
            raise self._silent(partition) from error
        if found is not None:
            yield from self.between(partition, found.offset, before)

    def between(self, partition: int, first: int, before: int) -> Iterator[LogRecord]:
        """Yield the records from offset *first* up to offset *before* (excluded)."""
        if first >= before:
            return
        topic_partition = TopicPartition(self._topic, partition)
        client = self._client()
        client.assign([topic_partition])
        client.seek(topic_partition, first)
        try:
            yield from self._until(client, topic_partition, before)
        except KafkaError as error:
            raise self._silent(partition) from error
        finally:
            client.unsubscribe()

    def _until(self, client: Any, topic_partition: TopicPartition, before: int) -> Iterator[LogRecord]:
        """Poll up to *before*; the time-out begins anew with each record, so it is a poll loop's own and no retry's."""
        deadline = time.monotonic() + SILENCE_S
        while (client.position(topic_partition, timeout_ms=POLL_MS) or 0) < before:
            for record in client.poll(timeout_ms=POLL_MS).get(topic_partition, ()):
                if record.offset >= before:
                    return
                yield log_record(record)
                deadline = time.monotonic() + SILENCE_S
            if time.monotonic() > deadline:
                raise self._silent(topic_partition.partition)

    def close(self) -> None:
        """Let go of the consumer."""
        if self._consumer is not None:
            self._consumer.close(autocommit=False, timeout_ms=1000)
            self._consumer = None

    def _client(self) -> Any:
        if self._consumer is None:
            self._consumer = make_consumer(self._settings, client_id="avenue-worker-rebuild")
        return self._consumer

    def _silent(self, partition: int) -> UnavailableError:
        return UnavailableError(f"{self._topic}/{partition} cannot be read back: no answer in {SILENCE_S:g} s")
