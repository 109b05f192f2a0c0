"""Which minute an event belongs to, when it is late, and when a minute is closed: the rules every layer shares."""

from dataclasses import dataclass

MINUTE_MS = 60_000
BLOCK_MS = 5 * MINUTE_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
SHANGHAI_MS = 8 * HOUR_MS
"""The street's days: no summer time since 1991, so the offset is the zone."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The protocol's tolerances in milliseconds; part of an epoch, so one epoch is counted by one set of them.

    *grace*: how long after its minute an event still counts live. *lead*: how far a partner's clock may be ahead.
    *slack*: disorder of one source, bounded by the delivery time-out and the gateways' clock skew.
    """

    grace_ms: int = 2 * MINUTE_MS
    lead_ms: int = 5 * MINUTE_MS
    slack_ms: int = MINUTE_MS

    @property
    def span_ms(self) -> int:
        """How much of the log before the watermark holds every event of the minutes still open."""
        return self.grace_ms + self.lead_ms + MINUTE_MS + self.slack_ms

    def is_late(self, occurred_ms: int, received_ms: int) -> bool:
        """Tell whether an event came too late to count live: a property of the event alone."""
        return received_ms > minute_of(occurred_ms) + MINUTE_MS + self.grace_ms

    def is_closed(self, minute_ms: int, watermark_ms: int) -> bool:
        """Tell whether *minute_ms* (its start) is over for a source whose watermark is *watermark_ms*."""
        return watermark_ms - self.slack_ms > minute_ms + MINUTE_MS + self.grace_ms


def minute_of(at_ms: int) -> int:
    """Return the start of the minute of *at_ms*, in milliseconds."""
    return at_ms - at_ms % MINUTE_MS


def block_of(at_ms: int) -> int:
    """Return the start of the five-minute block of *at_ms*, in milliseconds."""
    return at_ms - at_ms % BLOCK_MS


def day_of(at_ms: int) -> int:
    """Return the start of the street's day that holds *at_ms*, in milliseconds."""
    return at_ms - (at_ms + SHANGHAI_MS) % DAY_MS
