"""Times as the platforms spell them, as Unix milliseconds."""

import re

from schemas.event import parse_time_ms

SECONDS_DIGITS = 10
MILLISECONDS_DIGITS = 13
_DIGITS = re.compile(r"[1-9][0-9]{9}(?:[0-9]{3})?\Z")
_TEXT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ Tt]([0-9]{2}:[0-9]{2})(:[0-9]{2}(?:\.[0-9]{1,9})?)?([Zz]|[+-][0-9]{2}:[0-9]{2})?\Z"
)
CHINA = "+08:00"


def unix_ms(value: object) -> int | None:
    """Return a Unix time as milliseconds, or None: 10 digits are seconds, 13 milliseconds, nothing else is a time."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    # Compared before it is spelt: spelling an integer of thousands of digits is slow.
    if isinstance(value, int) and not 0 <= value < 10**MILLISECONDS_DIGITS:
        return None
    text = str(value)
    if not _DIGITS.match(text):
        return None
    return int(text) * 1000 if len(text) == SECONDS_DIGITS else int(text)


def moment_ms(value: object) -> int | None:
    """Return a Unix time, or a text like `2025-07-01 08:00:00`, as milliseconds; None where it is neither.

    Text without a zone is China's time, UTC+8; without seconds, the minute's start.
    """
    if isinstance(value, str) and (match := _TEXT.match(value)):
        day, clock, seconds, zone = match.groups()
        try:
            return parse_time_ms(f"{day}T{clock}{seconds or ':00'}{zone or CHINA}")
        except ValueError:
            return None
    return unix_ms(value)


def is_fresh(sent_ms: int, received_ms: int, max_age_s: int) -> bool:
    """Tell whether a signed time lies within *max_age_s* seconds of the receipt, before or after."""
    return abs(received_ms - sent_ms) <= max_age_s * 1000
