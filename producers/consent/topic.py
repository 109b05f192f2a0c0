"""The consent topic: follows what this gateway and the others wrote."""

import msgspec

from producers.consent.ledger import ConsentLedger, consent_key_of, decode_changes
from registry.tail import TopicTail
from runtime.errors import ProtocolError
from runtime.kafka import LogRecord
from runtime.settings import KafkaSettings
from schemas.topics import Topic


class ConsentFold:
    """The fold: what was read is merged into the ledger at once, so there is nothing to publish."""

    def __init__(self, ledger: ConsentLedger) -> None:
        self._ledger = ledger

    def reset(self) -> None:
        """Keep what is known: consent changes only add up."""

    def apply(self, record: LogRecord) -> None:
        """Merge the changes of *record*."""
        if record.key is None or not record.value:
            return
        try:
            self._ledger.merge(consent_key_of(record.key.decode()), decode_changes(record.value))
        except ProtocolError:
            return  # the ledger says so itself
        except msgspec.MsgspecError as error:
            raise ValueError(str(error)) from error

    def publish(self) -> None:
        """Nothing to show: readers ask the ledger."""


class ConsentLog:
    """Keeps a ledger equal to `consent.v1`."""

    def __init__(self, settings: KafkaSettings, ledger: ConsentLedger) -> None:
        self._ledger = ledger
        self._tail = TopicTail(settings, Topic.CONSENT, ConsentFold(ledger))

    def start(self, timeout_s: float) -> None:
        """Read the topic to its end, then go on in the background. Raises `UnavailableError` after *timeout_s*."""
        self._tail.start(timeout_s)

    def stop(self) -> None:
        """End the thread."""
        self._tail.stop()

    def problem(self) -> str | None:
        """Return what keeps the ledger from being whole, or None."""
        return self._ledger.overflow or self._tail.problem()
