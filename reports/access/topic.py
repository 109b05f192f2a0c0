"""`reading-access.v1`: follows what every process of the role reports wrote, and writes to it."""

import threading
from collections.abc import Mapping
from typing import Protocol

from registry.log import CompactedLog
from registry.tail import TopicTail
from reports.access.ledger import AccessLedger
from runtime.settings import KafkaSettings
from schemas.topics import Topic


class AccessWriter(Protocol):
    """Where entries are kept for every process and every restart."""

    def write(self, entries: Mapping[str, bytes | None]) -> None:
        """Keep *entries* (None takes one back). Raises `UnavailableError` where it is not known to be kept."""
        ...


class MemoryAccessWriter:
    """Keeps nothing: of a process without a broker, whose sessions and links are known to itself alone."""

    def write(self, entries: Mapping[str, bytes | None]) -> None:
        """Let *entries* be: the ledger has them."""


class AccessTopic:
    """Keeps *ledger* equal to the topic, within about 0.2 s; *prefix* stands before the topic's name."""

    def __init__(self, settings: KafkaSettings, ledger: AccessLedger, *, prefix: str = "") -> None:
        self._log = CompactedLog(settings, prefix + Topic.ACCESS)
        self._tail = TopicTail(settings, prefix + Topic.ACCESS, ledger)
        self._writing = threading.Lock()

    def start(self, timeout_s: float) -> None:
        """Read the topic to its end, then go on in the background. Raises `UnavailableError` after *timeout_s*."""
        self._tail.start(timeout_s)

    def stop(self) -> None:
        """End the thread and let go of the clients; the ledger stays readable."""
        self._tail.stop()
        self._log.close()

    def problem(self) -> str | None:
        """Return what keeps the ledger from being up to date, or None: a check for `Health`."""
        return self._tail.problem()

    def write(self, entries: Mapping[str, bytes | None]) -> None:
        """Write *entries* (None is a tombstone) and return once all in-sync replicas have them.

        Raises `UnavailableError` where the broker does not confirm.
        """
        with self._writing:
            self._log.write(entries)
