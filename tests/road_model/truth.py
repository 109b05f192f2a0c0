"""What readers may see: the plain count of what is on the log, and the one who looks after every write."""

from collections import Counter

import msgspec

from runtime.kafka import LogRecord
from schemas.cells import CellRow
from schemas.lines import CountedEvent
from schemas.timing import Timing, minute_of
from tests.road_model.cells import plain_cells
from tests.road_model.store import MemoryStore
from tests.support.counting_harness import CellName, cell_name

Identity = tuple[str, str, str, int]
_decode = msgspec.json.Decoder(CountedEvent).decode


def identity(event: CountedEvent) -> Identity:
    """Return what makes two lines the same event: the store's key."""
    return event.trial_id, event.account_id, event.event_id, event.occurred_ms


class WrongError(Exception):
    """A reader saw what is not so, or did not see what is."""


class ExpectedState:
    """The events on the log, each at its first position; an id used again within the span is no event."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._marks: Counter[int] = Counter()
        self._sights: dict[tuple[int, str, str], int] = {}
        self.events: dict[Identity, tuple[tuple[int, int, int], CountedEvent]] = {}
        self.ids: set[str] = set()
        self.most: Counter[CellName] = Counter()
        """By cell: the events that a reader may be shown at the most, one that nobody has told to be a repeat too."""
        self.may_fall: set[CellName] = set()
        """Cells that may show an id's other use until the worker has told that it is a repeat."""
        self._known: set[Identity] = set()

    def take(self, record: LogRecord) -> None:
        """Take in a record of events that has just been stored by the broker."""
        partition = record.partition
        self._marks[partition] = max(self._marks[partition], record.timestamp_ms)
        for line, body in enumerate(record.value.split(b"\n")):
            self._take(_decode(body), (partition, record.offset, line))

    def _take(self, event: CountedEvent, place: tuple[int, int, int]) -> None:
        key, name = identity(event), cell_name(event)
        self.ids.add(event.event_id)
        repeated = self._repeated(event, place[0])
        if key in self._known:
            return
        self._known.add(key)
        self.most[name] += 1
        if repeated:
            self.may_fall.add(name)
        else:
            self.events[key] = (place, event)

    def _repeated(self, event: CountedEvent, partition: int) -> bool:
        mark_ms = self._marks[partition]
        if minute_of(event.occurred_ms) > mark_ms + self._timing.lead_ms:
            return False
        used = (partition, event.account_id, event.event_id)
        sight_ms, self._sights[used] = self._sights.get(used), mark_ms
        return sight_ms is not None and mark_ms - sight_ms <= self._timing.span_ms

    def cells(self) -> dict[CellName, CellRow]:
        """Return the cells that all events come to, late ones included."""
        return plain_cells(event for _, event in self.events.values())


class ViewWatcher:
    """Looks at the view after every write: no number above the truth, none that goes down."""

    def __init__(self, truth: ExpectedState, store: MemoryStore) -> None:
        self._truth, self._store = truth, store
        self._seen: dict[CellName, int] = {}
        self.looks = 0

    def look(self) -> None:
        """Raise `WrongError` where a reader sees what is not so."""
        self.looks += 1
        shown = self._store.shown_events()
        for name, events in shown.items():
            if events > self._truth.most[name]:
                raise WrongError(f"above: {name} shows {events} of {self._truth.most[name]}")
        for name, events in self._seen.items():
            if shown.get(name, 0) < events and name not in self._truth.may_fall:
                raise WrongError(f"went down: {name} from {events} to {shown.get(name, 0)}")
        self._seen = shown
