"""The unit of settlement: a product's five minutes, and how a set of them is put to a query."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from schemas.registry import Epoch
from schemas.timing import BLOCK_MS, HOUR_MS, Timing

BLOCK_S = BLOCK_MS // 1000
HOUR_S = HOUR_MS // 1000


class Block(NamedTuple):
    """Five minutes of a product, from *start_s* (Unix seconds)."""

    product_id: str
    start_s: int

    @property
    def hour_s(self) -> int:
        """The start of its hour."""
        return self.start_s - self.start_s % HOUR_S


class ProductHour(NamedTuple):
    """An hour of a product, from *start_s* (Unix seconds)."""

    product_id: str
    start_s: int


@dataclass(frozen=True, slots=True)
class BlockActivity:
    """What is known of a block that has rows which its settlement has not seen."""

    rows: int
    touched_ms: int
    last_run: int
    settled_ms: int

    @property
    def settled_before(self) -> bool:
        """Whether it was settled at all."""
        return self.last_run > 0


def block_parameters(blocks: Collection[Block]) -> dict[str, Any]:
    """Return the parameters by which queries choose *blocks* (not empty)."""
    starts = [block.start_s for block in blocks]
    return {
        "products": [block.product_id for block in blocks],
        "blocks": starts,
        "hours": sorted({block.hour_s for block in blocks}),
        "from_s": min(starts),
        "until_s": max(starts) + BLOCK_S,
    }


def lateness_parameters(epochs: Iterable[Epoch], timing: Timing) -> dict[str, Any]:
    """Return the parameters by which queries tell late events: the grace of each epoch, *timing*'s elsewhere."""
    known = {epoch.number: epoch.grace_ms for epoch in epochs} or {0: timing.grace_ms}
    return {"epochs": list(known), "graces_ms": list(known.values()), "grace_ms": timing.grace_ms}


def moment(at_ms: int) -> datetime:
    """Return *at_ms*, Unix ms, as the aware time that the store's client takes."""
    return _EPOCH + timedelta(milliseconds=at_ms)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ints(values: Iterable[Any]) -> tuple[int, ...]:
    """Return *values* as integers."""
    return tuple(int(value) for value in values)
