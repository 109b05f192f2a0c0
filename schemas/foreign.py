"""Records on `pilot-events.v1` that our gateway did not write: what worker and sink make of each line, alike.

A record without our headers is foreign. Each of its lines is an event that both can count and store, or a reject
whose id is its position, so that the worker's and the sink's reject of one line replace each other.
"""

import hashlib
import re
from collections.abc import Iterator

import msgspec

from schemas.codec import decode_counted, encode
from schemas.event import MAX_AMOUNT_FEN, MAX_DURATION_MS
from schemas.lines import CountedEvent, RejectLine
from schemas.outcomes import RejectReason

# The store's times end with the year 2100; its hashes are what the registers take their bits from.
_MAX_TIME_MS = 4_102_444_800_000
_HASH = re.compile(r"(?:[0-9a-f]{32})?\Z")
FOREIGN_FLOW = "foreign"


def split_lines(value: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a record with their index; blank ones are skipped, but count in the index."""
    for index, line in enumerate(value.split(b"\n")):
        if stripped := line.strip():
            yield index, stripped


def read_foreign(line: bytes) -> CountedEvent | None:
    """Return *line* as an event that can be counted and stored, or None."""
    try:
        event = decode_counted(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return event if _storable(event) else None


def position_reject(place: tuple[int, int, int], index: int, line: bytes, *, received_ms: int) -> RejectLine:
    """Return the reject of line *index* of the record at *place* (epoch, partition, offset).

    Nothing of the line is kept but its length and SHA-256: nobody has looked for personal data in it.
    """
    epoch, partition, offset = place
    payload = {"bytes": len(line), "sha256": hashlib.sha256(line).hexdigest()}
    return RejectLine(
        reject_id=f"pos-{epoch}-{partition}-{offset}-{index}",
        account_id="",
        platform="",
        flow=FOREIGN_FLOW,
        reason=RejectReason.MALFORMED,
        message="a line of the log that is no event; the gateway did not write it",
        payload=encode(payload).decode(),
        received_ms=received_ms,
        index=index,
    )


def _storable(event: CountedEvent) -> bool:
    return (
        bool(event.event_id and event.account_id and event.product_id and event.trial_id)
        and 0 <= event.occurred_ms < _MAX_TIME_MS
        and 0 <= event.received_ms < _MAX_TIME_MS
        and 0 <= (event.duration_ms or 0) <= MAX_DURATION_MS
        and 0 <= (event.amount_fen or 0) <= MAX_AMOUNT_FEN
        and 0 <= (event.rating or 0) <= 5
        and _HASH.match(event.subject) is not None
        and _HASH.match(event.session_id) is not None
    )
