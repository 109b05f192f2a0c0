"""What a line of the health list holds: facts alone, which are worded where they are shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from reports.queries.metric_verdicts import ReadoutWhy
from reports.queries.model import Number

HealthState = Literal["good", "warning", "bad", "unknown"]
HealthCheck = Literal[
    "arriving",
    "units",
    "silent",
    "balance",
    "coverage",
    "placements",
    "blocks",
    "flagged",
    "refunds",
    "crossover",
]
HealthFinding: TypeAlias = (
    Literal[
        # arriving
        "waiting",
        "over",
        "behind",
        "usual_rhythm",
        "quiet",
        # units, coverage and placements
        "counted",
        "none_due",
        # silent
        "none_silent",
        "would_change",
        "would_hold",
        "not_judged",
        # balance
        "no_two_arms",
        "unequal",
        "unlike",
        "as_planned",
        # blocks, or why not
        "judged",
        "not_yet_changed",
        # flagged
        "none_flagged",
        "flagged",
        # refunds and crossover
        "not_told",
        "both_arms",
    ]
    | ReadoutWhy
)
"""What a line says; with its check it picks the words."""


@dataclass(frozen=True, slots=True)
class HealthLine:
    """One line above the numbers: how it is, what was found, and the numbers and names in it."""

    check: HealthCheck
    state: HealthState
    finding: HealthFinding
    numbers: Mapping[str, Number | None] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    """Platforms that a line is about."""
