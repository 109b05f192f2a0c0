"""Judges every hop of the road, and names the first that is broken: what needs a broken one cannot be judged."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from avenue.run_file import RunFile, StartFile
from registry.directory import Directory
from runtime.errors import PipelineError
from runtime.settings import Settings

# Each check has time-outs of its own; this is for one that hangs all the same.
LONGEST_S = 20.0


class CheckState(StrEnum):
    """What became of a check."""

    WELL = "well"
    WARNING = "warning"
    """It works, and somebody should look at it before it does not."""
    BROKEN = "broken"
    SKIPPED = "skipped"
    """Does not apply here, or cannot be seen from here."""
    UNCHECKED = "unchecked"
    """Needs a hop that is broken."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One hop, what was found, and the next step where it is broken or to be looked at."""

    hop: str
    state: CheckState
    detail: str = ""
    next_step: str = ""


class BrokenError(PipelineError):
    """A hop is broken: what is wrong, and the next step to take."""

    def __init__(self, problem: str, next_step: str) -> None:
        super().__init__(problem)
        self.next_step = next_step


class WarnedError(PipelineError):
    """A hop works for now: what will be wrong, and the next step to take."""

    def __init__(self, problem: str, next_step: str) -> None:
        super().__init__(problem)
        self.next_step = next_step


class SkippedError(PipelineError):
    """A hop does not apply here, or cannot be seen from here."""


@dataclass(slots=True)
class CheckContext:
    """What the checks look at; earlier checks fill in what later ones need."""

    home: Path | None
    settings: Settings = field(default_factory=Settings)
    run: RunFile | None = None
    start: StartFile | None = None
    """Of a stack that is starting."""
    directory: Directory = field(default_factory=Directory)

    @property
    def ops_url(self) -> str | None:
        """Where the server of the stack answers operators, once that is known."""
        return self.run.ops_url if self.run else self.start.ops_url if self.start else None

    @property
    def worker_ops_url(self) -> str | None:
        """Where the worker of the stack answers operators, once that is known."""
        return self.run.worker_ops_url if self.run else self.start.worker_ops_url if self.start else None

    @property
    def here(self) -> bool:
        """Whether a stack runs or starts on this home."""
        return self.run is not None or self.start is not None


Check = Callable[[CheckContext], str]
"""Returns what it saw in words; raises `BrokenError`, `WarnedError` or `SkippedError`."""


@dataclass(frozen=True, slots=True)
class HopCheck:
    """One check, and the hops without which it cannot be made."""

    name: str
    check: Check
    after: tuple[str, ...] = ()


class _CheckRun:
    """All hops at once, each as soon as those are judged that it needs."""

    def __init__(self, context: CheckContext, hops: Sequence[HopCheck]) -> None:
        self._context = context
        self._hops = hops
        self._done = {hop.name: threading.Event() for hop in hops}
        self.results: dict[str, CheckResult] = {}
        self.error: Exception | None = None

    def run(self) -> None:
        threads = [threading.Thread(target=self._check, args=(hop,), daemon=True) for hop in self._hops]
        for thread in threads:
            thread.start()
        for done in self._done.values():
            done.wait(LONGEST_S)

    def _check(self, hop: HopCheck) -> None:
        try:
            for name in hop.after:
                self._done[name].wait(LONGEST_S)
            self.results[hop.name] = self._result(hop)
        except Exception as error:  # noqa: BLE001 - a fault of ours, which goes on to whoever asked
            self.error = error
        finally:
            self._done[hop.name].set()

    def _result(self, hop: HopCheck) -> CheckResult:
        for name in hop.after:
            needed = self.results.get(name)
            if needed is None or needed.state in {CheckState.BROKEN, CheckState.UNCHECKED}:
                return CheckResult(hop.name, CheckState.UNCHECKED, f"needs the {name}")
        return _checked(self._context, hop)


def run_checks(context: CheckContext, hops: Sequence[HopCheck]) -> list[CheckResult]:
    """Return a finding for each of *hops*, in order. A fault of a check itself is raised."""
    run = _CheckRun(context, hops)
    run.run()
    if run.error is not None:
        raise run.error
    late = "did not come to an end"
    return [run.results.get(hop.name) or CheckResult(hop.name, CheckState.BROKEN, late, "try again") for hop in hops]


def _checked(context: CheckContext, hop: HopCheck) -> CheckResult:
    try:
        return CheckResult(hop.name, CheckState.WELL, hop.check(context))
    except SkippedError as skipped:
        return CheckResult(hop.name, CheckState.SKIPPED, str(skipped))
    except BrokenError as broken:
        return CheckResult(hop.name, CheckState.BROKEN, str(broken), broken.next_step)
    except WarnedError as warned:
        return CheckResult(hop.name, CheckState.WARNING, str(warned), warned.next_step)
    except PipelineError as error:
        # Our own errors say the way out themselves.
        return CheckResult(
            hop.name, CheckState.BROKEN, str(error), "do what the message says, then run `avenue doctor` again"
        )


def as_json(results: Sequence[CheckResult]) -> dict[str, Any]:
    """Return *results* as a program reads them."""
    first = first_broken(results)
    return {
        "ok": first is None,
        "first_broken": first.hop if first else None,
        "next_step": first.next_step if first else None,
        "warnings": [{"hop": f.hop, "detail": f.detail, "next_step": f.next_step} for f in warnings(results)],
        "checks": [{"hop": f.hop, "state": f.state.value, "detail": f.detail} for f in results],
    }


def first_broken(results: Sequence[CheckResult]) -> CheckResult | None:
    """Return the first broken hop, or None."""
    return next((result for result in results if result.state is CheckState.BROKEN), None)


def warnings(results: Sequence[CheckResult]) -> list[CheckResult]:
    """Return the hops that somebody should look at."""
    return [result for result in results if result.state is CheckState.WARNING]
