"""When places were last heard of, and how many events usually come in such an hour, from the extract's events."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from reports.health_rules import DEFAULT_SILENCE_MS, KNOWN_EVENTS, MISSED
from reports.verification.due_time import DueShare, Spans, due_spans, length
from reports.verification.event_table import EventTable
from reports.verification.snapshot import PlacementSnapshot, TrialSnapshot
from schemas.timing import DAY_MS, HOUR_MS

PlaceState = Literal["reporting", "silent", "waiting", "closed"]


@dataclass(frozen=True)
class Rhythm:
    """What was heard of the trial's places until *now_ms*, the moment of the report."""

    trial: TrialSnapshot
    events: EventTable
    coverage: Sequence[DueShare]
    """Due hours that are over."""
    now_ms: int

    @cached_property
    def last_ms(self) -> int | None:
        """When the latest event was; None before any."""
        return int(self.events["occurred_at"].max()) if len(self.events) else None

    def expected_since(self, since_ms: int, placements: Sequence[PlacementSnapshot]) -> float | None:
        """Return how many events usually come in the due time of *placements* since then; None without a rhythm."""
        came: Counter[tuple[str, int]] = Counter()
        due: Counter[tuple[str, int]] = Counter()
        for placement in placements:
            for hour in self._due_hours[placement.id]:
                if hour + HOUR_MS <= since_ms:
                    due[placement.id, hour % DAY_MS] += 1
                    came[placement.id, hour % DAY_MS] += self._came[placement.id, hour]
        if came.total() < KNOWN_EVENTS:
            return None
        return sum(
            came[placement.id, hour % DAY_MS] / due[placement.id, hour % DAY_MS] * ms / HOUR_MS
            for placement in placements
            for hour, ms in _by_hour(due_spans(self.trial, placement, since_ms, self.now_ms))
            if due[placement.id, hour % DAY_MS]
        )

    def state_of(self, placement: PlacementSnapshot) -> PlaceState:
        """Tell whether *placement* is closed, waits for its first event of the day, reports, or has gone silent."""
        if not due_spans(self.trial, placement, self.now_ms, self.now_ms + 1):
            return "closed"
        beats, last_ms = placement.heartbeat_s is not None, self._last_of_a_day.get(placement.id)
        silence_ms = DEFAULT_SILENCE_MS if placement.heartbeat_s is None else placement.heartbeat_s * 1000
        if last_ms is not None:
            quiet_ms = length(due_spans(self.trial, placement, last_ms, self.now_ms))
            gone = quiet_ms > silence_ms and (beats or self._missed(placement, last_ms))
            return "silent" if gone else "reporting"
        open_since = due_spans(self.trial, placement, self.now_ms - silence_ms, self.now_ms)
        if not open_since or open_since[0][0] > self.now_ms - silence_ms:
            return "waiting"
        return "silent" if beats or self._missed_for_days(placement) else "waiting"

    def _missed(self, placement: PlacementSnapshot, since_ms: int) -> bool:
        expected = self.expected_since(since_ms, [placement])
        return expected is None or expected >= MISSED

    def _missed_for_days(self, placement: PlacementSnapshot) -> bool:
        heard = [hour for hour in self._due_hours[placement.id] if self._came[placement.id, hour]]
        return not heard or self._missed(placement, max(heard) + HOUR_MS)

    @cached_property
    def _last_of_a_day(self) -> dict[str, int]:
        found = {str(name): int(own["occurred_at"].max()) for (name,), own in self.events.by("placement") if name}
        return {name: at_ms for name, at_ms in found.items() if at_ms >= self.now_ms - DAY_MS}

    @cached_property
    def _came(self) -> Counter[tuple[str, int]]:
        hours = (self.events["occurred_at"] // HOUR_MS * HOUR_MS).tolist()
        names = self.events.names["placement"]
        return Counter(zip((names[number] for number in self.events["placement"].tolist()), hours, strict=True))

    @cached_property
    def _due_hours(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(list)
        for share in self.coverage:
            found[share.placement.id] = [hour for start, end in share.due for hour in range(start, end, HOUR_MS)]
        return found


def _by_hour(spans: Spans) -> list[tuple[int, int]]:
    """Return each hour that *spans* touch, and how long in it, ms."""
    return [
        (hour, min(end, hour + HOUR_MS) - max(start, hour))
        for start, end in spans
        for hour in range(start // HOUR_MS * HOUR_MS, end, HOUR_MS)
    ]
