"""What is told of a test event that was sent down the whole road: each hop with its time."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RoadHop:
    """One hop of the road; `after_ms` since the request came in, null where it was not seen in time."""

    hop: str
    after_ms: int | None


@dataclass(frozen=True)
class RoadAnswer:
    """What became of a test event, hop by hop."""

    event_id: str
    delivery_id: str
    passed: bool
    message: str
    hops: list[RoadHop]
