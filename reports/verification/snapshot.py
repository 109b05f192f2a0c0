"""What the registry said of a trial when its report was frozen: what figures stand on besides events."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from schemas.event import parse_time_ms
from schemas.timing import SHANGHAI_MS

Moment = Annotated[str, msgspec.Meta(description="RFC 3339 with an offset")]


class PlacementSnapshot(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """One placement; it was due from `opens` to `closes`, on the next day where that is earlier."""

    id: str
    place: str
    platform: str
    arm: str
    arm_days: dict[str, list[str]]
    """The street's days on which it is in another arm, by that arm."""
    from_: Moment
    until: Moment
    opens: str
    closes: str
    heartbeat_s: int | None

    def arm_at(self, day_ms: int) -> str:
        """Return the arm in which it is on the day that starts at *day_ms*."""
        day = datetime.fromtimestamp((day_ms + SHANGHAI_MS) // 1000, UTC).date().isoformat()
        return next((arm for arm, days in self.arm_days.items() if day in days), self.arm)


class PlanChangeSnapshot(msgspec.Struct, frozen=True):
    """One field of the plan that was changed after the start, as JSON values."""

    at: Moment
    field: str
    old: Any
    new: Any


class NoteSnapshot(msgspec.Struct, frozen=True):
    """What happened at a time; `shared`: of the whole avenue."""

    id: str
    at: Moment
    zh: str
    en: str
    shared: bool


class RotaSnapshot(msgspec.Struct, frozen=True):
    """What the arms of places were drawn from by lottery; `places` are those that take part."""

    seed: str
    block: str
    places: list[str]


class TrialSnapshot(msgspec.Struct, frozen=True):
    """One trial, its placements in order of their ids."""

    trial: str
    product: str
    starts: Moment
    ends: Moment
    baseline_from: Moment | None
    arms: list[str]
    baseline_arm: str | None
    unit: str
    primary_metric: str
    guardrails: list[str]
    planned_units: int | None
    smallest_effect: float | None
    platforms_without_refunds: list[str]
    placements: list[PlacementSnapshot]
    registry_version: int
    carry_over_days: int | None
    """Days after a change of a place's arm that are left out."""
    plan: str
    """Whether the plan was fixed before the start, changed since, first applied after it, or not known."""
    plan_changes: list[PlanChangeSnapshot]
    notes: list[NoteSnapshot]
    rota: RotaSnapshot | None
    more_primary_metrics: list[str] = []
    """None in snapshots of before there could be any."""

    @property
    def primary_metrics(self) -> tuple[str, ...]:
        """The metrics that decide, the first of which the smallest effect is about."""
        return (self.primary_metric, *self.more_primary_metrics)

    @property
    def starts_ms(self) -> int:
        """When the trial starts."""
        return parse_time_ms(self.starts)

    @property
    def ends_ms(self) -> int:
        """When it ends, excluded."""
        return parse_time_ms(self.ends)

    @property
    def baseline_from_ms(self) -> int:
        """When the time before it begins; the start where there is none."""
        return parse_time_ms(self.baseline_from) if self.baseline_from else self.starts_ms
