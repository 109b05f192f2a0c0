"""Scales of drawings made on the server: where a value lies, and which values to name beside an axis."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LinearScale:
    """Values from *low* to *high* on a length from *start* to *end*, which may run downwards."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return where *value* lies, to a hundredth; what lies beyond the scale stands at its end."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return round(self.start + min(max(share, 0.0), 1.0) * (self.end - self.start), 2)

    def ticks(self, count: int) -> list[float]:
        """Return about *count* round values on the scale."""
        step = _round_step((self.high - self.low) / count) if self.high > self.low else 1.0
        first, last = math.ceil(self.low / step - _NEARLY), math.floor(self.high / step + _NEARLY)
        return [number * step for number in range(first, last + 1)]


_NEARLY = 1e-9


def scale_of(values: Iterable[float], *, start: float, end: float, margin: float = 0.05) -> LinearScale:
    """Return the scale that holds *values* with a *margin* at both ends. Raises `ValueError` without any."""
    known = list(values)
    low, high = min(known), max(known)
    room = (high - low or abs(high) or 1.0) * margin
    return LinearScale(low - room, high + room, start, end)


def _round_step(least: float) -> float:
    """Return the smallest of 1, 2 and 5 times a power of ten that is at least *least*."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least * (1 - _NEARLY))
