"""Goes down the road hop by hop and stops at the first that is broken: what comes after it cannot be judged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from avenue.run_file import RunFile
from registry.directory import Directory
from runtime.errors import PipelineError
from runtime.settings import Settings


class State(StrEnum):
    """What became of a check."""

    WELL = "well"
    BROKEN = "broken"
    SKIPPED = "skipped"
    """Does not apply here, or cannot be seen from here."""
    UNCHECKED = "unchecked"
    """Comes after a broken hop."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One hop, what was found, and the next step where it is broken."""

    hop: str
    state: State
    detail: str = ""
    next_step: str = ""


class BrokenError(PipelineError):
    """A hop is broken: what is wrong, and the next step to take."""

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
    directory: Directory = field(default_factory=Directory)


Check = Callable[[Patient], str]
"""Returns what it saw in words; raises `BrokenError` or `SkippedError`."""


def examine(patient: Patient, checks: Sequence[tuple[str, Check]]) -> list[Finding]:
    """Return a finding for each of *checks*, in order; after the first broken hop nothing more is checked."""
    findings: list[Finding] = []
    broken = False
    for hop, check in checks:
        finding = Finding(hop, State.UNCHECKED) if broken else _one(patient, hop, check)
        broken = broken or finding.state is State.BROKEN
        findings.append(finding)
    return findings


def _one(patient: Patient, hop: str, check: Check) -> Finding:
    try:
        return Finding(hop, State.WELL, check(patient))
    except SkippedError as skipped:
        return Finding(hop, State.SKIPPED, str(skipped))
    except BrokenError as broken:
        return Finding(hop, State.BROKEN, str(broken), broken.next_step)
    except PipelineError as error:
        # Our own errors say the way out themselves.
        return Finding(hop, State.BROKEN, str(error), "do what the message says, then run `avenue doctor` again")


def as_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return *findings* as a program reads them."""
    first = first_broken(findings)
    return {
        "ok": first is None,
        "first_broken": first.hop if first else None,
        "next_step": first.next_step if first else None,
        "checks": [{"hop": f.hop, "state": f.state.value, "detail": f.detail} for f in findings],
    }


def first_broken(findings: Sequence[Finding]) -> Finding | None:
    """Return the first broken hop, or None."""
    return next((finding for finding in findings if finding.state is State.BROKEN), None)
