"""Notes who read what: on `audit.v1`, which `avenue audit` reads. A reader never waits for it."""

import contextlib
import queue
import secrets
import threading
from collections import deque
from typing import Protocol

import msgspec

from registry.log import CompactedLog
from runtime.errors import PipelineError
from runtime.logging import get_logger
from runtime.metrics import REPORT_AUDIT_LOST
from runtime.settings import Settings
from schemas.audit import AuditLine
from schemas.topics import Topic

log = get_logger(__name__)

MEMORY_LINES = 1000
BATCH_LINES = 500
RETRY_S = 1.0
STOP_S = 10.0


class AuditWriter(Protocol):
    """Where lines are noted."""

    process: str
    """Names this process in its lines."""

    def next_number(self) -> int:
        """Return the next line's number; called in the event loop only."""
        ...

    def note(self, line: AuditLine) -> None:
        """Keep *line*; returns at once and raises nothing."""
        ...


class _Numbered:
    """Numbers the lines of one process from 1 on."""

    def __init__(self) -> None:
        self.process = secrets.token_hex(6)
        self._number = 0

    def next_number(self) -> int:
        """Return the next line's number."""
        self._number += 1
        return self._number


class MemoryAudit(_Numbered):
    """Keeps the last lines, of a process without a broker."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: deque[AuditLine] = deque(maxlen=MEMORY_LINES)

    def note(self, line: AuditLine) -> None:
        """Keep *line*."""
        self.lines.append(line)


class AuditTopic(_Numbered):
    """Writes lines from a thread of its own. Where the broker is away they wait, up to a bound; then they are lost,
    which a metric counts and their numbers show. *prefix* stands before the topic's name.
    """

    def __init__(self, settings: Settings, *, prefix: str = "") -> None:
        super().__init__()
        self._log = CompactedLog(settings.kafka, prefix + Topic.AUDIT)
        self._waiting: queue.Queue[AuditLine | None] = queue.Queue(settings.report.audit_lines)
        self._stopping = threading.Event()
        self._trouble: str | None = None
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, if the broker takes it, and end the thread."""
        self._stopping.set()
        # Where it is full, the thread has enough to wake for.
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._thread.join(STOP_S)
        self._log.close()

    def problem(self) -> str | None:
        """Return why lines wait, or None: a check for `Health`."""
        return self._trouble

    def note(self, line: AuditLine) -> None:
        """Let *line* be written soon."""
        try:
            self._waiting.put_nowait(line)
        except queue.Full:
            REPORT_AUDIT_LOST.inc()

    def _run(self) -> None:
        """Until stopped. A batch that is not taken is tried again, after a pause of the loop's own: a stop ends it."""
        while lines := self._take():
            while not (written := self._written(lines)) and not self._stopping.wait(RETRY_S):
                pass
            if not written:
                REPORT_AUDIT_LOST.inc(len(lines))

    def _take(self) -> list[AuditLine]:
        """Return what waits, at least one line; nothing once all is taken and the end has come."""
        found: list[AuditLine] = []
        while len(found) < BATCH_LINES:
            try:
                line = self._waiting.get(block=not found and not self._stopping.is_set())
            except queue.Empty:
                break
            if line is not None:
                found.append(line)
            elif not found and self._waiting.empty():
                break
        return found

    def _written(self, lines: list[AuditLine]) -> bool:
        try:
            self._log.write({f"{line.process}:{line.number}": msgspec.json.encode(line) for line in lines})
        except PipelineError as error:
            if self._trouble is None:
                log.warning("audit lines wait for the broker", cause=str(error))
            self._trouble = f"audit lines wait for the broker: {error}"
            return False
        self._trouble = None
        return True
