"""Where an account's events belong, remembered: asked once for what an event names and a stretch of time."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

from producers.parsing.written_once import marks_of
from producers.validation.decode import EventFault
from producers.validation.placement import TimeWindow, resolve_placement
from registry.directory import Directory
from schemas.codec import encode
from schemas.registry import Account
from schemas.topics import partition_of

# Places that an account names: one for each placement or product, and spelling of it. Beyond, a sender is playing.
MAX_SLICES = 4096
_FAR_MS = 1 << 62

Named = tuple[str | None, str | None, str | None, str | None]
"""What an event says of its place: placement, product, trial and arm."""


@dataclass(frozen=True, slots=True)
class PlacementSlice:
    """A place within a stretch of time (Unix ms, *until_ms* excluded), with the parts of the line that it decides."""

    from_ms: int
    until_ms: int
    partition: int
    trial_id: str
    head: bytes
    """From the event id's closing quote to the kind."""
    tail: bytes
    """Placement and arm, where there are any."""
    marks: int
    """Quotation marks of what an event has in any case and of what names this place: `marks_of`."""


class PlacementCache:
    """The placements of one account in one directory."""

    def __init__(self, directory: Directory, account: Account, partitions: int) -> None:
        self._directory = directory
        self._partitions = partitions
        self._account = account
        self._products = directory.products_of(account.id)
        self._found: dict[Named, PlacementSlice] = {}

    def find(self, event: Any, occurred_ms: int, window: TimeWindow) -> PlacementSlice | None:
        """Return where *event* (a `EventStruct`) belongs, or None where it belongs nowhere, or not to this account."""
        named = (event.placement_id, event.product_id, event.trial_id, event.arm)
        found = self._found.get(named)
        if found is not None and found.from_ms <= occurred_ms < found.until_ms:
            return found
        if named[0] is None and named[1] is None:
            # A missing field, which comes before any question of place.
            return None
        located = resolve_placement(event, occurred_ms, self._directory, window)
        if isinstance(located, EventFault) or located.product_id not in self._products:
            return None
        if len(self._found) >= MAX_SLICES:
            self._found.clear()
        moments = self._directory.moments
        after = bisect_right(moments, occurred_ms)
        head = (
            f'","account_id":{_text(self._account.id)},"platform":{_text(self._account.platform)}'
            f',"product_id":{_text(located.product_id)},"trial_id":{_text(located.trial_id)},"kind":'
        )
        tail = "".join(
            f',"{name}":{_text(value)}'
            for name, value in (("placement_id", located.placement_id), ("arm", located.arm))
            if value
        )
        found = self._found[named] = PlacementSlice(
            from_ms=moments[after - 1] if after else -_FAR_MS,
            until_ms=moments[after] if after < len(moments) else _FAR_MS,
            partition=partition_of(located.product_id, self._partitions),
            trial_id=located.trial_id,
            head=head.encode(),
            tail=tail.encode(),
            marks=marks_of(named),
        )
        return found


def _text(value: str) -> str:
    return encode(value).decode()
