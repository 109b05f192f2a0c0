"""A compacted topic of one partition as a whole: read it, write to it, and claim keys without two claims standing."""

import time
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from runtime.errors import ConfigurationError, UnavailableError
from runtime.kafka import KafkaError, LogRecord, TopicPartition, log_record, make_consumer, make_producer, unavailable
from runtime.settings import KafkaSettings

ONLY_PARTITION = 0
POLL_MS = 200


class CompactedLog:
    """One compacted topic. Use it as a context manager, or call `close`."""

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._producer: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the producer."""
        if self._producer is not None:
            self._producer.close(timeout=2)
            self._producer = None

    def read(self, *, since_ms: int | None = None) -> list[LogRecord]:
        """Return every record up to the present end, in order; with *since_ms* those written from that time on.

        Raises `UnavailableError` where the broker is silent.
        """
        return list(self.each(since_ms=since_ms))

    def each(self, *, since_ms: int | None = None) -> Iterator[LogRecord]:
        """Yield the same records one by one, for topics that are too large to hold. Raises likewise."""
        consumer = make_consumer(self._settings, client_id="avenue-read-log")
        try:
            yield from self._read(consumer, since_ms)
        except KafkaError as error:
            raise unavailable(self._settings, f"{self._topic} cannot be read", error) from error
        finally:
            consumer.close(autocommit=False, timeout_ms=1000)

    def _read(self, consumer: Any, since_ms: int | None) -> Iterator[LogRecord]:
        """Poll to the end; its time-out begins anew with each record, so it is a poll loop's own and no retry's."""
        partition = TopicPartition(self._topic, ONLY_PARTITION)
        consumer.assign([partition])
        end = consumer.end_offsets([partition])[partition]
        if since_ms is None:
            consumer.seek_to_beginning(partition)
        else:
            first = consumer.offsets_for_times({partition: since_ms})[partition]
            consumer.seek(partition, end if first is None else first.offset)
        deadline = time.monotonic() + self._settings.delivery_timeout_s
        while (consumer.position(partition, timeout_ms=1000) or 0) < end:
            for records in consumer.poll(timeout_ms=POLL_MS).values():
                yield from (found for found in map(log_record, records) if found.offset < end)
                deadline = time.monotonic() + self._settings.delivery_timeout_s
            if time.monotonic() > deadline:
                raise UnavailableError(f"{self._topic} stands still before its end at offset {end}")

    def write(self, entries: Mapping[str, bytes | None]) -> dict[str, int]:
        """Write *entries* (None is a tombstone) in order and return each one's offset once all replicas have them.

        Raises `UnavailableError` where the broker does not confirm; part may be written then.
        Raises `ConfigurationError` where an entry is larger than a message may be.
        """
        if too_large := [
            key for key, value in entries.items() if len(value or b"") > self._settings.max_message_bytes - 1024
        ]:
            raise ConfigurationError(
                f"{', '.join(too_large)}: larger than one message of {self._settings.max_message_bytes} bytes; "
                "raise AVENUE_KAFKA__MAX_MESSAGE_BYTES on every role and the topic's max.message.bytes"
            )
        try:
            if self._producer is None:
                self._producer = make_producer(self._settings, client_id="avenue-write-log")
            futures = {
                key: self._producer.send(self._topic, key=key.encode(), value=value, partition=ONLY_PARTITION)
                for key, value in entries.items()
            }
            # The client gives up a little before that.
            wait_s = self._settings.delivery_timeout_s + 5
            return {key: future.get(timeout=wait_s).offset for key, future in futures.items()}
        except KafkaError as error:
            raise unavailable(self._settings, f"{self._topic} did not confirm {', '.join(entries)}", error) from error

    def claim(self, wanted: Mapping[str, bytes]) -> dict[str, bytes]:
        """Write each of *wanted* whose key has no value yet; return the value that stands for each key.

        Where two processes claim one key at once, the lower offset stands for both. The loser writes it once more,
        since compaction keeps the last record of a key, and readers keep the first (`standing`).
        """
        before = standing(self.read())
        missing = {key: value for key, value in wanted.items() if key not in before}
        if not missing:
            return {key: before[key] for key in wanted}
        self.write(missing)
        after = standing(self.read())
        lost = {key: after[key] for key, value in missing.items() if key in after and after[key] != value}
        self.write(lost)
        return {key: after[key] for key in wanted if key in after}


def standing(records: Iterable[LogRecord]) -> dict[str, bytes]:
    """Return the value that stands for each key where the first claim wins: the first since the last tombstone."""
    found: dict[str, bytes] = {}
    for record in records:
        key = (record.key or b"").decode("utf-8", "replace")
        if record.value:
            found.setdefault(key, record.value)
        else:
            found.pop(key, None)
    return found
