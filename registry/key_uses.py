"""When each access key was last used, to the hour: noted in memory, written beside the keys once a minute."""

import threading
from collections.abc import Iterable

from registry.log import CompactedLog
from runtime.errors import PipelineError
from runtime.logging import get_logger
from runtime.settings import KafkaSettings
from schemas.timing import HOUR_MS
from schemas.topics import Topic

log = get_logger(__name__)

USE_PREFIX = "used:"
WRITE_EVERY_S = 60.0


class KeyUses:
    """The hours that are not written yet, by key; at most one a key, and only keys that are known come here."""

    def __init__(self) -> None:
        self._noted: dict[str, int] = {}
        self._unwritten: dict[str, int] = {}
        self._lock = threading.Lock()

    def note(self, key_id: str, now_ms: int) -> None:
        """Note that a key was used at *now_ms*; but for the first time in an hour this is one look-up."""
        hour_ms = now_ms - now_ms % HOUR_MS
        if self._noted.get(key_id) != hour_ms:
            with self._lock:
                self._noted[key_id] = self._unwritten[key_id] = hour_ms

    def take(self) -> dict[str, int]:
        """Take out what is to be written: the hour's beginning, Unix ms, by key."""
        with self._lock:
            taken, self._unwritten = self._unwritten, {}
        return taken

    def give_back(self, taken: dict[str, int]) -> None:
        """Take back what could not be written."""
        with self._lock:
            self._unwritten = taken | self._unwritten


class KeyUseWriter:
    """A thread that writes *uses* to `registry.v1`. Where the broker is away it tries again a minute later."""

    def __init__(self, settings: KafkaSettings, uses: KeyUses, *, prefix: str = "") -> None:
        self._log = CompactedLog(settings, prefix + Topic.REGISTRY)
        self._uses = uses
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="key-uses", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is left, and end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._log.close()

    def _run(self) -> None:
        while not self._stop.wait(WRITE_EVERY_S):
            self.write()
        self.write()

    def write(self) -> None:
        """Write what was noted since."""
        if not (taken := self._uses.take()):
            return
        try:
            self._log.write({USE_PREFIX + key: str(hour_ms).encode() for key, hour_ms in taken.items()})
        except PipelineError as error:
            self._uses.give_back(taken)
            log.warning("last uses of keys were not written", keys=len(taken), cause=str(error))


def last_uses(entries: Iterable[tuple[str, bytes]]) -> dict[str, int]:
    """Return the last hour (Unix ms) in which each key was used, from the topic's *entries*, key and value."""
    found: dict[str, int] = {}
    for key, value in entries:
        if key.startswith(USE_PREFIX) and value.isdigit():
            name = key.removeprefix(USE_PREFIX)
            found[name] = max(int(value), found.get(name, 0))
    return found
