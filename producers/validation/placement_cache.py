"""Where an account's events belong, remembered: asked once for what an event names and a stretch of time."""

from bisect import bisect_right
from dataclasses import dataclass

from cachetools import FIFOCache

from producers.parsing.written_once import marks_of
from producers.validation.decode import EventFault
from producers.validation.line_template import PlacementParts, placement_parts
from producers.validation.placement import TimeWindow, resolve_placement, sandboxed
from registry.directory import Directory
from schemas.event_struct import EventStruct
from schemas.registry import Account
from schemas.topics import partition_of

# Places that an account names: one for each placement or product, and spelling of it. Beyond, a sender is playing.
MAX_SLICES = 4096
_FAR_MS = 1 << 62

Named = tuple[str | None, str | None, str | None, str | None]
"""What an event says of its place: placement, product, trial and arm."""


@dataclass(frozen=True, slots=True)
class PlacementSlice:
    """A place within a stretch of time (Unix ms, *until_ms* excluded), with what it decides of a line."""

    from_ms: int
    until_ms: int
    partition: int
    trial_id: str
    """Whose key its pseudonyms take."""
    parts: PlacementParts
    marks: int
    """Quotation marks of what an event has in any case and of what names this place: `marks_of`."""


class PlacementCache:
    """The placements of one account in one directory."""

    def __init__(self, directory: Directory, account: Account, partitions: int) -> None:
        self._directory = directory
        self._partitions = partitions
        self._account = account
        self._products = directory.products_of(account.id)
        self._found: FIFOCache[Named, PlacementSlice] = FIFOCache(MAX_SLICES)

    def find(self, event: EventStruct, occurred_ms: int, window: TimeWindow) -> PlacementSlice | None:
        """Return where *event* belongs, or None where it belongs nowhere, or not to this account."""
        named = (event.placement_id, event.product_id, event.trial_id, event.arm)
        # Asked of each event: to try is as fast as a dictionary's `get`, and half of what this cache's own costs.
        try:
            found = self._found[named]
        except KeyError:
            pass
        else:
            if found.from_ms <= occurred_ms < found.until_ms:
                return found
        if named[0] is None and named[1] is None:
            # A missing field, which comes before any question of place.
            return None
        located = resolve_placement(event, occurred_ms, self._directory, window)
        if isinstance(located, EventFault) or located.product_id not in self._products:
            return None
        moments = self._directory.moments
        after = bisect_right(moments, occurred_ms)
        stored = sandboxed(located) if self._account.sandbox else located
        found = self._found[named] = PlacementSlice(
            from_ms=moments[after - 1] if after else -_FAR_MS,
            until_ms=moments[after] if after < len(moments) else _FAR_MS,
            partition=partition_of(stored.product_id, self._partitions),
            trial_id=located.trial_id,
            parts=placement_parts(self._account, stored),
            marks=marks_of(named),
        )
        return found
