"""Small drawings made on the server as SVG paths and positions: they print, and need no script."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reports.queries.model import Number, Point

SPARK_WIDTH = 96
SPARK_HEIGHT = 24
SPARK_MARGIN = 2


@dataclass(frozen=True, slots=True)
class SparkPath:
    """Two SVG paths in a box of 96 × 24: the line, and the area under it."""

    line: str
    area: str


def spark(points: Sequence[Point]) -> SparkPath | None:
    """Return the course of *points*; gaps stay gaps. None where fewer than two have a value."""
    values = [point.value for point in points if point.value is not None]
    if len(values) < 2:
        return None
    low, high = min(0, *values), max(values)
    width = SPARK_WIDTH / max(1, len(points) - 1)
    lines, areas = [], []
    for run in _runs(points):
        places = [(index * width, _height(value, low, high)) for index, value in run]
        drawn = " L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        lines.append(f"M{drawn}")
        areas.append(f"M{places[0][0]:.1f} {SPARK_HEIGHT} L{drawn} L{places[-1][0]:.1f} {SPARK_HEIGHT} Z")
    return SparkPath(line=" ".join(lines), area=" ".join(areas))


def bars(points: Sequence[Point], height: int) -> list[int]:
    """Return each point's height out of *height*; anything above 0 is at least 1, so that it is seen."""
    most = max((point.value or 0 for point in points), default=0)
    return [_bar(point.value or 0, most, height) for point in points]


def _bar(value: Number, most: Number, height: int) -> int:
    return max(1, round(value / most * height)) if value > 0 else 0


def _runs(points: Iterable[Point]) -> list[list[tuple[int, Number]]]:
    runs: list[list[tuple[int, Number]]] = [[]]
    for index, point in enumerate(points):
        if point.value is None:
            runs.append([])
        else:
            runs[-1].append((index, point.value))
    return [run for run in runs if run]


def _height(value: Number, low: Number, high: Number) -> float:
    usable = SPARK_HEIGHT - 2 * SPARK_MARGIN
    return SPARK_HEIGHT - SPARK_MARGIN - (value - low) / (high - low or 1) * usable
