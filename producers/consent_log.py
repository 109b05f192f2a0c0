"""The consent topic: follows what other gateways wrote, and writes what this one took in."""

from collections.abc import Mapping, Sequence

import msgspec

from producers.consent import ConsentChange, ConsentLedger, decode_changes, encode_changes
from registry.tail import TopicTail
from runtime.errors import ProtocolError
from runtime.kafka import LogRecord
from runtime.settings import KafkaSettings
from schemas.topics import Topic


class _Merged:
    """The fold: what was read is merged into the ledger at once, so there is nothing to publish."""

    def __init__(self, ledger: ConsentLedger) -> None:
        self._ledger = ledger
        self.overflow: str | None = None

    def reset(self) -> None:
        """Keep what is known: consent changes only add up."""

    def apply(self, record: LogRecord) -> None:
        if record.key is None or not record.value:
            return
        try:
            self._ledger.merge(record.key.decode(), decode_changes(record.value))
        except ProtocolError as error:
            self.overflow = str(error)
        except msgspec.MsgspecError as error:
            raise ValueError(str(error)) from error

    def publish(self) -> None:
        """Nothing to show: readers ask the ledger."""


class ConsentLog:
    """Keeps a ledger equal to `consent.v1`."""

    def __init__(self, settings: KafkaSettings, ledger: ConsentLedger) -> None:
        self._merged = _Merged(ledger)
        self._tail = TopicTail(settings, Topic.CONSENT, self._merged)

    def start(self, timeout_s: float) -> None:
        """Read the topic to its end, then go on in the background. Raises `UnavailableError` after *timeout_s*."""
        self._tail.start(timeout_s)

    def stop(self) -> None:
        """End the thread."""
        self._tail.stop()

    def problem(self) -> str | None:
        """Return what keeps the ledger from being whole, or None."""
        return self._merged.overflow or self._tail.problem()


def records_of(ledger: ConsentLedger, changes: Mapping[str, Sequence[ConsentChange]]) -> list[tuple[str, bytes]]:
    """Return the records that *changes* come to: the whole known state of each subject, by key."""
    return [(key, encode_changes(list(ledger.merge(key, own)))) for key, own in changes.items()]
