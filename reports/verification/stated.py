"""What a report may state although no event of its extract proves it, each with the reason, which its reader sees."""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, get_args

StatedReason = Literal["words", "moment", "registry", "not_in_extract", "street_then", "earlier_report", "software"]

STATED: Mapping[StatedReason, tuple[str, ...]] = MappingProxyType(
    {
        "words": (
            r".*\.(zh|en)",
            r"readout\.(comparison|compared)\..*",
            r"readout\.metrics.*\.(reason_text|next_step|harm_text)",
        ),
        "moment": (r"as_of", r"late_until", r"schema"),
        "registry": (r"product\..*", r"trial\.startup", r"trial\.placements\[.*\]\.(account|metre|side|zone|zone_zh)"),
        "not_in_extract": (
            r"arrivals\.(repeats|answered_duplicate|windows|settled_windows|settled_share)",
            r"arrivals\.rejected.*",
        ),
        "street_then": (r"freshness\.flagged.*",),
        "earlier_report": (r"since_frozen.*",),
        "software": (r"made_by\..*",),
    }
)
"""Patterns of whole paths. Texts follow from a code beside them, which is computed; the registry's own names are held
to the extract's copy; what was refused, came twice, was settled or waited to be is in no extract, and what follows from
it in the report is computed from what the report states of it."""
REASONS: tuple[StatedReason, ...] = get_args(StatedReason)
_PATTERNS = {reason: re.compile("|".join(f"(?:{one})" for one in patterns)) for reason, patterns in STATED.items()}


_ADDED = re.compile(r"readout\.metrics.*\.lift\.guardrail")
"""What reports that were frozen before it was added do not say; it follows from the intervals beside it."""


def is_added(path: str) -> bool:
    """Tell whether a report need not state the value at *path*; one that does is held to it."""
    return _ADDED.fullmatch(path) is not None


def stated_reason(path: str) -> StatedReason | None:
    """Return why the value at *path* is only stated; None where it must be computed."""
    return next((reason for reason, pattern in _PATTERNS.items() if pattern.fullmatch(path)), None)


def stated_by_reason(paths: Iterable[str]) -> dict[StatedReason, int]:
    """Return how many of *paths* are stated for each reason, without those for which none are."""
    found = dict.fromkeys(REASONS, 0)
    for path in paths:
        reason = stated_reason(path)
        if reason is not None:
            found[reason] += 1
    return {reason: count for reason, count in found.items() if count}
