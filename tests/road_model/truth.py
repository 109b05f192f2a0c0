"""What readers may see: the plain count of what is on the log, and the one who looks after every write."""

from collections import Counter

import msgspec

from runtime.kafka import LogRecord
from schemas.cells import CellRow
from schemas.lines import CountedEvent
from tests.counting_world import CellName, cell_name
from tests.road_model.cells import plain_cells
from tests.road_model.store import MemoryStore

Identity = tuple[str, str, str, int]
_decode = msgspec.json.Decoder(CountedEvent).decode


def identity(event: CountedEvent) -> Identity:
    """Return what makes two lines the same event: the store's key."""
    return event.trial_id, event.account_id, event.event_id, event.occurred_ms


class WrongError(Exception):
    """A reader saw what is not so, or did not see what is."""


class Truth:
    """The events on the log, each at its first position."""

    def __init__(self) -> None:
        self.events: dict[Identity, tuple[tuple[int, int, int], CountedEvent]] = {}
        self.ids: set[str] = set()
        self.counts: Counter[CellName] = Counter()

    def take(self, record: LogRecord) -> None:
        """Take in a record of events that has just been stored by the broker."""
        for line, body in enumerate(record.value.split(b"\n")):
            event = _decode(body)
            key = identity(event)
            self.ids.add(event.event_id)
            if key not in self.events:
                self.events[key] = ((record.partition, record.offset, line), event)
                self.counts[cell_name(event)] += 1

    def cells(self) -> dict[CellName, CellRow]:
        """Return the cells that all events come to, late ones included."""
        return plain_cells(event for _, event in self.events.values())


class Watcher:
    """Looks at the view after every write: no number above the truth, none that goes down."""

    def __init__(self, truth: Truth, store: MemoryStore) -> None:
        self._truth, self._store = truth, store
        self._seen: dict[CellName, int] = {}
        self.looks = 0

    def look(self) -> None:
        """Raise `WrongError` where a reader sees what is not so."""
        self.looks += 1
        shown = self._store.shown_events()
        for name, events in shown.items():
            if events > self._truth.counts[name]:
                raise WrongError(f"above: {name} shows {events} of {self._truth.counts[name]}")
        for name, events in self._seen.items():
            if shown.get(name, 0) < events:
                raise WrongError(f"went down: {name} from {events} to {shown.get(name, 0)}")
        self._seen = shown
