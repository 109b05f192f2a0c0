"""From where on a number of the health list, or of a report's notes, is worth a look: what both go by."""

from schemas.outcomes import RejectReason
from schemas.timing import HOUR_MS

ENOUGH_SEEN = 0.9
"""Of the units that were due: fewer is worth a look."""
FEW_SILENT = 0.02
MANY_SILENT = 0.2
"""Of an arm's due units: so many silent ones may hide what the trial is about."""
APART = 0.1
"""So far apart the arms' shares of silent units are no longer alike."""
FEW_CROSSING = 0.05
"""Of the people: so few who came to both arms change nothing."""
COVERED, POORLY_COVERED = 0.9, 0.7
"""Of due placement-hours: above the first nothing much is missing, below the second too much."""
QUIET_MS = HOUR_MS
"""So much opening time without an event is worth a look, as long as no rhythm is known."""
DEAD_MS = 8 * HOUR_MS
"""So much is a day without one."""
LAG_S = 300.0
"""The store further behind than this is behind, whatever the street does."""
MISSED = 4.0
"""So many events usually come in a silence that chance leaves one time in fifty."""
KNOWN_EVENTS = 30
"""Fewer events than this, and a trial or place has no rhythm yet."""
DEFAULT_SILENCE_MS = HOUR_MS
"""A placement without `heartbeat_s` counts as silent after this much due time without an event."""
LOW_COVERAGE = 0.9
"""A placement that reported in fewer of its due hours is named."""
REPLAYABLE = (
    RejectReason.UNKNOWN_PRODUCT,
    RejectReason.UNKNOWN_PLACEMENT,
    RejectReason.OUTSIDE_TRIAL,
    RejectReason.INTERNAL_ERROR,
)
"""Rejects that a correction of the registry or on our side, and a replay, may still turn into events."""
CHANGING = frozenset(
    {
        "not_started",
        "running",
        "late_possible",
        "completeness_unknown",
        "moved",
        "unsettled",
        "unexplained",
        "replayable",
    }
)
"""Notes that say that figures may still change; the others say what cannot be known from them."""
