"""Keeps the libraries' logs readable: in a broker outage each role would log more than a thousand errors."""

import logging
import time

from cachetools import LRUCache

LIBRARIES = ("faust", "mode", "aiokafka", "kafka", "asyncio")
EVERY_S = 30.0
MAX_KINDS = 1000


class ThrottleFilter(logging.Filter):
    """Lets one line of a kind through per while and says how many like it were held back; ours always pass.

    A kind is a logger and a message's template. The clock is monotonic.
    """

    def __init__(self, every_s: float = EVERY_S) -> None:
        super().__init__()
        self._every_s = every_s
        self._kinds: LRUCache[tuple[str, str], tuple[float, int]] = LRUCache(MAX_KINDS)

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether *record* is to be written."""
        if record.name.split(".", 1)[0] not in LIBRARIES:
            return True
        kind, now = (record.name, str(record.msg)[:80]), time.monotonic()
        since, held = self._kinds.get(kind, (float("-inf"), 0))
        if now - since < self._every_s:
            self._kinds[kind] = (since, held + 1)
            return False
        self._kinds[kind] = (now, 0)
        if held:
            record.msg = f"{record.msg} [and {held} like it before]"
        return True
