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


class State(StrEnum):
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
class Finding:
    """One hop, what was found, and the next step where it is broken or to be looked at."""

    hop: str
    state: State
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
class Patient:
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


Check = Callable[[Patient], str]
"""Returns what it saw in words; raises `BrokenError`, `WarnedError` or `SkippedError`."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One check, and the hops without which it cannot be made."""

    name: str
    check: Check
    after: tuple[str, ...] = ()


class _Visit:
    """All hops at once, each as soon as those are judged that it needs."""

    def __init__(self, patient: Patient, hops: Sequence[Hop]) -> None:
        self._patient = patient
        self._hops = hops
        self._done = {hop.name: threading.Event() for hop in hops}
        self.findings: dict[str, Finding] = {}
        self.fault: Exception | None = None

    def run(self) -> None:
        threads = [threading.Thread(target=self._judge, args=(hop,), daemon=True) for hop in self._hops]
        for thread in threads:
            thread.start()
        for done in self._done.values():
            done.wait(LONGEST_S)

    def _judge(self, hop: Hop) -> None:
        try:
            for name in hop.after:
                self._done[name].wait(LONGEST_S)
            self.findings[hop.name] = self._finding(hop)
        except Exception as error:  # noqa: BLE001 - a fault of ours, which goes on to whoever asked
            self.fault = error
        finally:
            self._done[hop.name].set()

    def _finding(self, hop: Hop) -> Finding:
        for name in hop.after:
            needed = self.findings.get(name)
            if needed is None or needed.state in {State.BROKEN, State.UNCHECKED}:
                return Finding(hop.name, State.UNCHECKED, f"needs the {name}")
        return _one(self._patient, hop)


def examine(patient: Patient, hops: Sequence[Hop]) -> list[Finding]:
    """Return a finding for each of *hops*, in order. A fault of a check itself is raised."""
    visit = _Visit(patient, hops)
    visit.run()
    if visit.fault is not None:
        raise visit.fault
    late = "did not come to an end"
    return [visit.findings.get(hop.name) or Finding(hop.name, State.BROKEN, late, "try again") for hop in hops]


def _one(patient: Patient, hop: Hop) -> Finding:
    try:
        return Finding(hop.name, State.WELL, hop.check(patient))
    except SkippedError as skipped:
        return Finding(hop.name, State.SKIPPED, str(skipped))
    except BrokenError as broken:
        return Finding(hop.name, State.BROKEN, str(broken), broken.next_step)
    except WarnedError as warned:
        return Finding(hop.name, State.WARNING, str(warned), warned.next_step)
    except PipelineError as error:
        # Our own errors say the way out themselves.
        return Finding(hop.name, State.BROKEN, str(error), "do what the message says, then run `avenue doctor` again")


def as_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return *findings* as a program reads them."""
    first = first_broken(findings)
    return {
        "ok": first is None,
        "first_broken": first.hop if first else None,
        "next_step": first.next_step if first else None,
        "warnings": [{"hop": f.hop, "detail": f.detail, "next_step": f.next_step} for f in warnings(findings)],
        "checks": [{"hop": f.hop, "state": f.state.value, "detail": f.detail} for f in findings],
    }


def first_broken(findings: Sequence[Finding]) -> Finding | None:
    """Return the first broken hop, or None."""
    return next((finding for finding in findings if finding.state is State.BROKEN), None)


def warnings(findings: Sequence[Finding]) -> list[Finding]:
    """Return the hops that somebody should look at."""
    return [finding for finding in findings if finding.state is State.WARNING]
