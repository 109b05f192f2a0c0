"""Notes who read, took or changed what: on `audit.v1`, which `avenue audit` reads. A read never waits for its line;
a change is answered once its line is written.
"""

import asyncio
import contextlib
import queue
import secrets
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Protocol

import msgspec

from registry.audit_chain import AuditChain
from registry.log import CompactedLog
from runtime.clock import SystemClock
from runtime.errors import PipelineError, UnavailableError
from runtime.logging import get_logger
from runtime.metrics import REPORT_AUDIT_LOST
from runtime.settings import Settings
from schemas.audit import CHAIN_METHOD, CHECKPOINT_S, AuditLine
from schemas.topics import Topic

if TYPE_CHECKING:
    from collections.abc import Iterable

log = get_logger(__name__)

MEMORY_LINES = 1000
BATCH_LINES = 500
RETRY_S = 1.0
STOP_S = 10.0
CHANGE_S = 10.0
"""So long an answer to a change waits for its line; beyond it, it says so."""


class AuditWriter(Protocol):
    """Where lines are noted."""

    def note(self, line: AuditLine) -> "Future[bool]":
        """Keep *line*, numbered; returns at once and raises nothing. The future says whether it was written."""
        ...


async def all_written(noted: "Iterable[Future[bool]]") -> None:
    """Return once the lines of a change are written. Raises `UnavailableError` where they are not in time."""
    waiting = {asyncio.wrap_future(one) for one in noted}
    if not waiting:
        return
    _, late = await asyncio.wait(waiting, timeout=CHANGE_S)
    if late or not all(one.result() for one in waiting):
        raise UnavailableError(
            "what was asked for may have been done, but could not be noted in the audit log, and so is not answered: "
            "look what is in force, then ask again"
        )


def chain_line(what: str, *, ends: bool = False) -> AuditLine:
    """Return a line that a process writes of its own chain."""
    return AuditLine(
        at_ms=SystemClock().now_ms(), key="", scope="", method=CHAIN_METHOD, route=what, status=200, ends=ends
    )


class MemoryAudit:
    """Keeps the last lines, of a process without a broker."""

    def __init__(self) -> None:
        self.lines: deque[AuditLine] = deque(maxlen=MEMORY_LINES)
        self._number = 0

    def note(self, line: AuditLine) -> "Future[bool]":
        """Keep *line*."""
        self._number += 1
        self.lines.append(msgspec.structs.replace(line, number=self._number))
        written: Future[bool] = Future()
        written.set_result(True)
        return written


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A line on its way, and who wants to know whether it arrived."""

    line: AuditLine
    written: "Future[bool]" = field(default_factory=Future)


class AuditTopic:
    """Writes lines from a thread of its own, as one chain. Where the broker is away they wait, up to a bound; then
    they are lost, which a metric counts and their numbers show. *prefix* stands before the topic's name.
    """

    def __init__(self, settings: Settings, *, prefix: str = "") -> None:
        self.process = secrets.token_hex(6)
        """Names this process in its lines."""
        self._log = CompactedLog(settings.kafka, prefix + Topic.AUDIT)
        self._waiting: queue.Queue[_Waiting | None] = queue.Queue(settings.report.audit_lines)
        self._chain = AuditChain()
        self._number = 0
        self._numbering = threading.Lock()
        self._next_checkpoint = time.monotonic() + CHECKPOINT_S
        self._next_head = time.monotonic()
        self._stopping = threading.Event()
        self._trouble: str | None = None
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self.note(chain_line("begins"))
        self._thread.start()

    def stop(self) -> None:
        """Write what waits and that it is the last, if the broker takes it, and end the thread, if one was started."""
        if self._thread.ident is None:
            return
        self.note(chain_line("ends", ends=True))
        self._stopping.set()
        # Where it is full, the thread has enough to wake for.
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._thread.join(STOP_S)
        self._log.close()

    def problem(self) -> str | None:
        """Return why lines wait, or None: a check for `Health`."""
        return self._trouble

    def note(self, line: AuditLine) -> "Future[bool]":
        """Let *line* be written soon."""
        # One lock around both: the chain is in the order of the numbers.
        with self._numbering:
            self._number += 1
            item = _Waiting(msgspec.structs.replace(line, process=self.process, number=self._number))
            # From now on nobody can cancel it: a reader who leaves takes no line along.
            item.written.set_running_or_notify_cancel()
            try:
                self._waiting.put_nowait(item)
            except queue.Full:
                REPORT_AUDIT_LOST.inc()
                item.written.set_result(False)
        return item.written

    def _run(self) -> None:
        """Until stopped. A batch that is not taken is tried again, after a pause of the loop's own: a stop ends it."""
        while items := self._take():
            # Sealed once: what is written again is the same, byte for byte.
            sealed = {f"{item.line.process}:{item.line.number}": self._chain.seal(item.line) for item in items}
            while not (written := self._written(sealed, items[-1].line.number)) and not self._stopping.wait(RETRY_S):
                pass
            if written:
                self._tell_head(items[-1])
            else:
                REPORT_AUDIT_LOST.inc(len(items))
            for item in items:
                item.written.set_result(written)

    def _take(self) -> list[_Waiting]:
        """Return what waits, at least one line; nothing once all is taken and the end has come."""
        found: list[_Waiting] = []
        while len(found) < BATCH_LINES:
            try:
                item = self._waiting.get(block=not found and not self._stopping.is_set(), timeout=self._idle_s())
            except queue.Empty:
                if found or self._stopping.is_set():
                    break
                self.note(chain_line("goes on"))
                continue
            if item is not None:
                found.append(item)
            elif not found and self._waiting.empty():
                break
        self._next_checkpoint = time.monotonic() + CHECKPOINT_S
        return found

    def _idle_s(self) -> float:
        """Return how long a living chain may still be without a line."""
        return max(0.0, self._next_checkpoint - time.monotonic())

    def _tell_head(self, last: _Waiting) -> None:
        """Log the chain's head once an hour and at its end: a log is kept elsewhere, and `--against` reads it."""
        if time.monotonic() < self._next_head and not last.line.ends:
            return
        self._next_head = time.monotonic() + CHECKPOINT_S
        log.info("audit head", **asdict(self._chain.head(self.process, last.line.at_ms)))

    def _written(self, sealed: dict[str, bytes], last: int) -> bool:
        try:
            offsets = self._log.write(sealed)
        except PipelineError as error:
            if self._trouble is None:
                log.warning("audit lines wait for the broker", cause=str(error))
            self._trouble = f"audit lines wait for the broker: {error}"
            return False
        self._chain.confirm(last, offsets[f"{self.process}:{last}"])
        self._trouble = None
        return True
