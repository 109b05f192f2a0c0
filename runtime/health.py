"""Readiness of a role: each dependency, whether it is well, since when, and why not."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runtime.clock import Clock, SystemClock
from runtime.metrics import READY

Check = Callable[[], str | None]
"""Returns None when well, else what is wrong in words. Must not block."""


@dataclass(slots=True)
class _DependencyState:
    ok: bool
    since_ms: int
    detail: str


class Health:
    """The dependencies of one process.

    `set` reports a state from outside; `watch` and `advise` register checks that are asked at each reading.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._states: dict[str, _DependencyState] = {}
        self._checks: dict[str, Check] = {}
        self._advice: set[str] = set()
        self._lock = threading.Lock()

    def watch(self, dependency: str, check: Check) -> None:
        """Ask *check* whenever readiness is read."""
        self._checks[dependency] = check
        self.set(dependency, "starting")

    def advise(self, dependency: str, check: Check) -> None:
        """Watch what some need and others do not: its fault is told, and the process stays ready."""
        self._advice.add(dependency)
        self.watch(dependency, check)

    def set(self, dependency: str, problem: str | None) -> None:
        """Note that *dependency* is well (None), or what is wrong with it."""
        with self._lock:
            state = self._states.get(dependency)
            ok = problem is None
            if state is None or state.ok != ok:
                self._states[dependency] = _DependencyState(ok, self._clock.now_ms(), problem or "")
            else:
                state.detail = problem or ""
        READY.labels(dependency).set(1 if ok else 0)

    def read(self) -> dict[str, Any]:
        """Return `{"ready": bool, "dependencies": {name: {"ok", "since", "detail"}}}`; `since` in Unix ms."""
        for dependency, check in self._checks.items():
            self.set(dependency, check())
        with self._lock:
            parts = {
                name: {"ok": state.ok, "since": state.since_ms, "detail": state.detail}
                for name, state in sorted(self._states.items())
            }
        needed = [part["ok"] for name, part in parts.items() if name not in self._advice]
        return {"ready": bool(needed) and all(needed), "dependencies": parts}
