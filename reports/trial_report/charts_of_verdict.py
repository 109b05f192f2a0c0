"""Drawings of a verdict: how it narrowed day by day, what silence could change, and what chance alone shows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from reports.trial_report.charts import FAINT, INK, PALETTE, QUIET, RULE, drawn, font, label_places, outlined

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COURSE_IN, SPLITS_IN = 2.35, 1.35
CASE_IN, CASES_IN = 0.24, 0.34
WIDEST = 4.0
"""Early intervals are cut at so many times the widest of the last half, or nothing of these could be seen."""
LEFT, WIDTH = 0.085, 0.905
NAMES, TOLD = 0.25, 0.2
"""Shares of the width that the names of cases and their numbers take."""


@dataclass(frozen=True, slots=True)
class CourseDrawing:
    """The interval after each day, by the day's place on the axis; marks are numbered days on which much happened."""

    points: tuple[tuple[int, float, float, float], ...]
    """Day, difference, and its bounds."""
    days: tuple[str, ...]
    gap: str
    """Said where there is no interval at the beginning."""
    effects: tuple[float, ...]
    marks: tuple[tuple[int, str], ...]
    value: Callable[[float], str]
    dotted: frozenset[int] = frozenset()
    """Days on which what was compared changed, or that are being recomputed."""


def course_chart(name: str, course: CourseDrawing) -> bytes:
    """Return the course as SVG."""

    def draw(figure: "Figure") -> None:
        axes = figure.add_axes((LEFT, 0.13, WIDTH, 0.77))
        low, high = _course_range(course)
        _ground(axes, course, low, high)
        for day, value, bottom, top in course.points:
            style = (0, (1, 1)) if day in course.dotted else "-"
            axes.plot([day, day], [bottom, top], color=PALETTE[0], linewidth=3.2, alpha=0.35, linestyle=style, zorder=2)
            axes.plot([day], [value], color=PALETTE[0], marker="o", markersize=2.8, zorder=3)
        for before, after in pairwise(course.points):
            if after[0] == before[0] + 1:
                axes.plot([before[0], after[0]], [before[1], after[1]], color=PALETTE[0], linewidth=0.9, zorder=3)
        _gap(axes, course, low, high)
        for day, label in course.marks:
            axes.axvline(day, color=PALETTE[1], linewidth=0.7, linestyle=(0, (2, 2)), zorder=1)
            axes.text(day, high, label, ha="center", va="bottom", fontproperties=font(6.5), color=PALETTE[1])

    return drawn(name, COURSE_IN, draw)


def _course_range(course: CourseDrawing) -> tuple[float, float]:
    late = course.points[len(course.points) // 2 :]
    most = max((abs(end) for _, _, low, high in late for end in (low, high)), default=0.0) * WIDEST
    ends = [max(-most, min(most, end)) for _, value, low, high in course.points for end in (value, low, high)]
    low, high = min([0.0, *course.effects, *ends]), max([0.0, *course.effects, *ends])
    room = (high - low or 1.0) * 0.05
    return low - room, high + room


def _ground(axes: "Axes", course: CourseDrawing, low: float, high: float) -> None:
    from matplotlib.ticker import MaxNLocator

    ticks = [t for t in MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low, high) if low <= t <= high]
    axes.set_ylim(low, high)
    axes.set_yticks(ticks, [outlined(course.value(float(t))) for t in ticks], fontproperties=font(7), color=FAINT)
    places = label_places(len(course.days))
    axes.set_xticks(places, [course.days[p] for p in places], fontproperties=font(7), color=FAINT)
    axes.set_xlim(-0.6, max(1, len(course.days)) - 0.4)
    axes.tick_params(length=0, pad=4)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.axhline(0, color=INK, linewidth=0.9, zorder=1.5)
    for effect in course.effects:
        axes.axhline(effect, color=QUIET, linewidth=0.8, linestyle=(0, (5, 3)), zorder=1.5)


def _gap(axes: "Axes", course: CourseDrawing, low: float, high: float) -> None:
    first = course.points[0][0] if course.points else len(course.days)
    if first <= 0 or not course.gap:
        return
    axes.axvspan(-0.6, first - 0.5, color="#f3f6f7", zorder=0)
    axes.text(
        (first - 1) / 2, (low + high) / 2, course.gap, ha="center", va="center", fontproperties=font(7), color=FAINT
    )


@dataclass(frozen=True, slots=True)
class IntervalCase:
    """One line of a drawing of intervals to one scale."""

    name: str
    low: float
    high: float
    at: float | None
    told: str


def cases_chart(name: str, cases: Sequence[IntervalCase]) -> bytes:
    """Return intervals below each other, to one scale with 0 in it, as SVG."""

    def draw(figure: "Figure") -> None:
        axes = figure.add_axes((NAMES, 0.02, 1 - NAMES - TOLD, 0.96))
        ends = [0.0, *(end for case in cases for end in (case.low, case.high))]
        room = (max(ends) - min(ends) or 1.0) * 0.05
        low, high = min(ends) - room, max(ends) + room
        axes.set_xlim(low, high)
        axes.set_ylim(len(cases) - 0.4, -0.6)
        axes.axvline(0, color=INK, linewidth=0.9, zorder=1)
        for y, case in enumerate(cases):
            seen = case.at is not None
            axes.plot(
                [case.low, case.high], [y, y], color=PALETTE[0], linewidth=4, alpha=0.9 if seen else 0.4, zorder=2
            )
            if case.at is not None:
                axes.plot([case.at], [y], marker="o", markersize=6, color=PALETTE[0], markeredgecolor="white", zorder=3)
            axes.text(low, y, f"{case.name}  ", ha="right", va="center", fontproperties=font(7.5), color=INK)
            axes.text(high, y, f"  {outlined(case.told)}", ha="left", va="center", fontproperties=font(7.5), color=INK)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)

    return drawn(name, CASES_IN + CASE_IN * len(cases), draw)


@dataclass(frozen=True, slots=True)
class SplitsDrawing:
    """Random splits counted into bars, and where the trial stands among them."""

    edges: tuple[float, ...]
    bars: tuple[int, ...]
    seen: float
    seen_text: str
    value: Callable[[float], str]


def splits_chart(name: str, splits: SplitsDrawing) -> bytes:
    """Return the differences of random splits as SVG."""

    def draw(figure: "Figure") -> None:
        axes = figure.add_axes((LEFT, 0.2, WIDTH, 0.62))
        ends = [splits.edges[0], splits.edges[-1], splits.seen, 0.0]
        room = (max(ends) - min(ends) or 1.0) * 0.06
        axes.set_xlim(min(ends) - room, max(ends) + room)
        for (left, right), count in zip(pairwise(splits.edges), splits.bars, strict=True):
            axes.bar((left + right) / 2, count, width=(right - left) * 0.9, color=QUIET, zorder=2)
        axes.axvline(splits.seen, color=PALETTE[0], linewidth=1.6, zorder=3)
        far = splits.seen > sum(axes.get_xlim()) / 2
        top = max(splits.bars) * 1.04
        axes.set_ylim(0, top)
        axes.text(
            splits.seen,
            top * 1.04,
            outlined(splits.seen_text),
            ha="right" if far else "left",
            va="bottom",
            fontproperties=font(7.5),
            color=PALETTE[0],
        )
        _value_axis(axes, splits.value)

    return drawn(name, SPLITS_IN, draw)


def _value_axis(axes: "Axes", value: Callable[[float], str]) -> None:
    from matplotlib.ticker import MaxNLocator

    low, high = axes.get_xlim()
    ticks = [t for t in MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(low, high) if low <= t <= high]
    axes.set_xticks(ticks, [outlined(value(float(t))) for t in ticks], fontproperties=font(7), color=FAINT)
    axes.set_yticks([])
    axes.tick_params(length=0, pad=3)
    axes.spines[["top", "left", "right"]].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.spines["bottom"].set_linewidth(0.7)
