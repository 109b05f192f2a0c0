"""Follows `registry.v1` into the directory in force: how every role knows who may send and what stands where."""

from collections.abc import Callable
from dataclasses import replace

from registry.directory import Directory
from registry.key_uses import KeyUses
from registry.state import RegistryState
from registry.tail import TopicTail
from runtime.kafka import LogRecord
from runtime.logging import get_logger
from runtime.metrics import REGISTRY_VERSION
from runtime.settings import Settings
from schemas.topics import Topic

log = get_logger(__name__)

Callback = Callable[[Directory], object]


class _DirectoryProjection:
    """The fold of the follower: what it publishes is one reference, replaced as a whole."""

    def __init__(self) -> None:
        self.directory = Directory()
        self.callbacks: list[Callback] = []
        self.uses = KeyUses()
        self._state = RegistryState()

    def reset(self) -> None:
        self._state.reset()

    def apply(self, record: LogRecord) -> None:
        self._state.apply(record)

    def publish(self) -> None:
        directory = replace(self._state.directory(), uses=self.uses)
        # What an apply says of trials' plans lies before its file, and takes hold with it: an apply is one change.
        if replace(directory, plans=self.directory.plans) == self.directory:
            return
        self.directory = directory
        REGISTRY_VERSION.set(directory.version)
        for callback in self.callbacks:
            try:
                callback(directory)
            except Exception:
                # The directory is in force all the same, and the other subscribers are told.
                log.exception("a subscriber failed on a new directory", version=directory.version)


class RegistryFollower:
    """A thread that keeps `directory` equal to `registry.v1`, within about 0.2 s.

    *prefix* stands before the topic's name; tests share one broker by it.
    """

    def __init__(self, settings: Settings, *, prefix: str = "") -> None:
        self._published = _DirectoryProjection()
        self._tail = TopicTail(settings.kafka, prefix + Topic.REGISTRY, self._published)

    @property
    def directory(self) -> Directory:
        """The directory in force: immutable, and cheap to ask for."""
        return self._published.directory

    @property
    def uses(self) -> KeyUses:
        """Which keys its directories were asked for, and when."""
        return self._published.uses

    def subscribe(self, callback: Callback) -> None:
        """Call *callback* in the follower's thread with each new directory; first when the topic's end was reached."""
        self._published.callbacks.append(callback)

    def start(self, timeout_s: float) -> None:
        """Read the topic to its end, then go on in the background. Raises `UnavailableError` after *timeout_s*."""
        self._tail.start(timeout_s)

    def stop(self) -> None:
        """End the thread; the last directory stays readable."""
        self._tail.stop()

    def problem(self) -> str | None:
        """Return what keeps the directory from being up to date, or None: a check for `Health`."""
        return self._tail.problem()
