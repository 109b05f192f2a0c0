"""Keeps the children of `avenue up` alive: starts them, heals them with growing patience, drains them in order.

One thread does it all, since Linux ties a child's life to the thread that started it (`child.py`). What may block,
asking a child how it is, is the business of its wrapper in `children.py`.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from runtime.errors import PipelineError
from runtime.files import explain
from runtime.settings import StackSettings

TICK_S = 0.1
HURRY_GRACE_S = 1.0
USED_WRONGLY = 2
# More would leave the range of a float; the bound is reached long before.
_DOUBLINGS = 64

Say = Callable[[str], None]


class ChildCondition(Enum):
    """How a child is, by its own word."""

    READY = "ready"
    UNREADY = "unready"
    """It answers, and waits for something: a restart would not help."""
    SILENT = "silent"
    STUCK = "stuck"
    """It answers that its work makes no progress."""


@dataclass(frozen=True, slots=True)
class ChildReport:
    """A child's condition, with its reason in words."""

    condition: ChildCondition
    detail: str = ""


class SupervisedChild(Protocol):
    """A child as the supervisor sees it. No call but `stop` and `kill` may block."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        ...

    @property
    def exit_code(self) -> int | None:
        """How the process ended."""
        ...

    def start(self) -> None:
        """Start it, or start it anew after its end."""
        ...

    def report(self) -> ChildReport:
        """Return the newest report since its last start."""
        ...

    def ask_to_end(self) -> None:
        """Ask it to drain and end; returns at once."""
        ...

    def kill(self) -> None:
        """End it now."""
        ...

    def close(self) -> None:
        """Stop asking how it is."""
        ...

    def last_lines(self) -> list[str]:
        """Return the end of its log."""
        ...


class ChildFailedError(PipelineError):
    """A child fails again and again; the message names it and ends with its log's last lines."""

    def __init__(self, child: SupervisedChild, problem: str) -> None:
        lines = "\n".join(f"  {line}" for line in child.last_lines())
        super().__init__(f"{child.name} {problem}" + (f"; its log ends with:\n{lines}" if lines else ""))
        self.child = child.name
        self.exit_code = child.exit_code


@dataclass(slots=True)
class _WatchedChild:
    child: SupervisedChild
    failures: int = 0
    started_at: float = 0.0
    restart_at: float | None = None
    ready_since: float | None = None
    bad_since: float | None = None
    heard: bool = False
    """Since its last start."""
    was_ready: bool = False
    why: str = ""


@dataclass(slots=True)
class Supervisor:
    """Watches children in the order in which they were added; drains them in the reverse order.

    Not thread-safe: all calls from one thread that lives as long as the process.
    """

    limits: StackSettings
    say: Say
    now: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random
    sleep: Callable[[float], None] = time.sleep
    obstacle: Callable[[], str | None] = lambda: None
    """Returns in words why no child can live just now (a full disk), or None: who ends meanwhile is not to blame."""
    _watched: list[_WatchedChild] = field(default_factory=list)

    def add(self, child: SupervisedChild) -> None:
        """Start *child* and watch it from now on."""
        watched = _WatchedChild(child)
        self._watched.append(watched)
        self._start(watched)

    @property
    def all_ready(self) -> bool:
        """Whether every child was ready when last looked at."""
        return all(item.ready_since is not None for item in self._watched)

    def waiting_for(self) -> list[str]:
        """Return the children that are not ready, each with its reason."""
        return [
            f"{item.child.name} ({reason})" if (reason := item.child.report().detail) else item.child.name
            for item in self._watched
            if item.ready_since is None
        ]

    def tick(self) -> None:
        """Look at every child once and heal what can be healed. Raises `ChildFailedError` where nothing helps."""
        for item in self._watched:
            if item.restart_at is not None:
                if self.now() >= item.restart_at and self.obstacle() is None:
                    self._start(item)
            elif not item.child.running:
                self._ended(item)
            else:
                self._look(item)

    def drain(self, hurry: Callable[[], bool]) -> list[str]:
        """End the children, last added first, each given time to finish; return the names of those that were killed.

        Once *hurry* holds, what remains gets a second each.
        """
        killed = []
        for item in reversed(self._watched):
            item.restart_at = None
            if not item.child.running:
                continue
            self.say(f"draining {item.child.name}")
            item.child.ask_to_end()
            if not self._ends(item.child, hurry):
                item.child.kill()
                killed.append(item.child.name)
        self._close()
        return killed

    def kill_all(self) -> None:
        """End every child at once."""
        for item in self._watched:
            item.child.kill()
        self._close()

    def _close(self) -> None:
        for item in self._watched:
            item.child.close()

    def _ends(self, child: SupervisedChild, hurry: Callable[[], bool]) -> bool:
        """Wait for its end by the supervisor's own clock: a second signal shortens the time that is left."""
        began = self.now()
        while child.running:
            if self.now() - began > (HURRY_GRACE_S if hurry() else self.limits.drain_s):
                return False
            self.sleep(TICK_S / 2)
        return True

    def _start(self, item: _WatchedChild) -> None:
        item.restart_at = item.ready_since = item.bad_since = None
        item.started_at = self.now()
        item.heard = False
        item.why = ""
        try:
            item.child.start()
        except OSError as error:
            self._failed(item, f"could not be started ({explain(error)})")

    def _look(self, item: _WatchedChild) -> None:
        report = item.child.report()
        now = self.now()
        if report.condition is ChildCondition.READY:
            self._is_ready(item, now)
            return
        item.heard = item.heard or report.condition is not ChildCondition.SILENT
        if report.condition is ChildCondition.UNREADY:
            item.ready_since = item.bad_since = None
            return
        item.bad_since = item.bad_since or now
        # Nothing is heard from a process that is still starting.
        patience = self.limits.stuck_s if item.heard else self.limits.ready_s
        if now - item.bad_since > patience:
            item.why = f"was {report.condition.value} for {patience:.0f} s ({report.detail})"
            self.say(f"{item.child.name} {item.why}; ending it")
            item.child.kill()

    def _is_ready(self, item: _WatchedChild, now: float) -> None:
        item.bad_since = None
        item.heard = True
        if item.ready_since is None:
            item.ready_since = now
            if item.failures:
                self.say(f"{item.child.name} is ready again after {now - item.started_at:.1f} s")
        item.was_ready = True
        if item.failures and now - item.ready_since > self.limits.healthy_s:
            item.failures = 0

    def _ended(self, item: _WatchedChild) -> None:
        problem = item.why or f"ended {ending(item.child.exit_code)}"
        if item.child.exit_code == USED_WRONGLY and not item.was_ready and self.obstacle() is None:
            raise ChildFailedError(item.child, "refuses its settings")
        self._failed(item, problem)

    def _failed(self, item: _WatchedChild, problem: str) -> None:
        item.ready_since = None
        if (obstacle := self.obstacle()) is not None:
            item.restart_at = self.now() + self.limits.backoff_s
            self.say(f"{item.child.name} {problem}, and {obstacle}; it is started again when there is room")
            return
        item.failures += 1
        if item.failures > self.limits.restarts:
            raise ChildFailedError(item.child, f"{problem}, {item.failures} times in a row")
        wait = backoff(item.failures, limits=self.limits, jitter=self.jitter())
        item.restart_at = self.now() + wait
        self.say(f"{item.child.name} {problem}; starting it again in {wait:.1f} s")


def backoff(failures: int, *, limits: StackSettings, jitter: float) -> float:
    """Return the seconds to wait after so many *failures* in a row: doubling, bounded, less a fifth of *jitter*."""
    full = min(limits.backoff_s * 2.0 ** min(failures - 1, _DOUBLINGS), limits.backoff_max_s)
    return full * (1 - 0.2 * jitter)


def ending(code: int | None) -> str:
    """Return in words how a process ended."""
    if code is None:
        return "without a trace"
    return f"by signal {-code}" if code < 0 else f"with exit code {code}"
