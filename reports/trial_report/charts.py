"""A report's drawings as SVG: by matplotlib, with the report's font as outlines, so that every reader sees the same.

Equal input gives equal bytes. matplotlib is not safe in threads, and some of its settings are global: one lock.
"""

import io
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reports.trial_report import fonts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LOCK = threading.Lock()
INK, FAINT, RULE = "#1f2933", "#5f6b7a", "#d9dee5"
PALETTE = ("#0b6e6e", "#c2570c", "#3b5bb5", "#8a3b8f", "#4d7c0f", "#7a5c1e")
"""Dark enough to print, told apart also by those who see no red or no green; markers tell them apart in grey."""
QUIET = "#7b8794"
MARKERS = "osD^vP"
WIDTH_IN, LINES_IN, ROW_IN, ROWS_IN = 7.0, 2.25, 0.22, 3.0
LEAST_ROW_IN = 0.13
MAX_LABELS = 9
FEWEST_COLUMNS = 14
LEAST_SPAN = 0.2
"""Of an axis of shares: smaller differences are not blown up to its whole height."""


@dataclass(frozen=True, slots=True)
class ChartLine:
    """One line: its name, and (day number, value, may still change) by day."""

    name: str
    points: tuple[tuple[int, float, bool], ...]
    quiet: bool = False
    """Drawn in grey: what others are compared with."""


@dataclass(frozen=True, slots=True)
class ChartAxes:
    """What a chart's axes say: the days' names in order, how a value is written, and whether it is a share."""

    days: tuple[str, ...]
    value: Callable[[float], str]
    share: bool = False


def line_chart(name: str, lines: Sequence[ChartLine], frame: ChartAxes) -> bytes:
    """Return *lines* over days as SVG; what may still change is hollow and dotted."""

    def draw(figure: "Figure") -> None:
        axes = figure.add_axes((0.085, 0.15, 0.905, 0.71))
        colours = iter(PALETTE * len(lines))
        for marker, line in zip(MARKERS * len(lines), lines, strict=False):
            _line(axes, line, QUIET if line.quiet else next(colours), marker)
        _frame(axes, frame, [value for line in lines for _, value, _ in line.points])
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(-0.01, 1.0),
            ncols=max(1, len(lines)),
            frameon=False,
            prop=font(7.5),
            handlelength=0.9,
            handletextpad=0.5,
            columnspacing=1.4,
            labelcolor=INK,
            borderaxespad=0.2,
        )

    return drawn(name, LINES_IN, draw)


def grid_chart(name: str, rows: Sequence[tuple[str, Sequence[float | None]]], frame: ChartAxes) -> bytes:
    """Return shares by row and day as SVG: the darker the fuller, crossed out where nothing came, blank if not due."""

    def draw(figure: "Figure") -> None:
        height = figure.get_figheight()
        axes = figure.add_axes((0.2, 0.25 / height, 0.79, 1 - 0.3 / height))
        for y, (_, shares) in enumerate(rows):
            for x, share in enumerate(shares):
                if share is not None:
                    _cell(axes, x, y, share)
        # Few days are not blown up to the whole width.
        axes.set_xlim(-0.5, max(len(frame.days), FEWEST_COLUMNS) - 0.5)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        places = label_places(len(frame.days))
        axes.set_xticks(places, [frame.days[p] for p in places], fontproperties=font(7), color=FAINT)
        axes.set_yticks(range(len(rows)), [title for title, _ in rows], fontproperties=font(7), color=INK)
        axes.tick_params(length=0, pad=3)
        axes.spines[:].set_visible(False)

    return drawn(name, 0.3 + min(ROW_IN * len(rows), max(ROWS_IN, LEAST_ROW_IN * len(rows))), draw)


def _cell(axes: "Axes", x: int, y: int, share: float) -> None:
    from matplotlib.patches import Rectangle

    if share > 0:
        # From pale to full, so that a partly covered day is seen as such.
        colour = tuple(1 - (1 - c) * (0.25 + 0.75 * share) for c in (0.043, 0.431, 0.431))
        axes.add_patch(Rectangle((x - 0.45, y - 0.38), 0.9, 0.76, facecolor=colour, edgecolor="none"))
        return
    axes.add_patch(Rectangle((x - 0.45, y - 0.38), 0.9, 0.76, facecolor="#fbeae8", edgecolor="none"))
    axes.plot([x - 0.45, x + 0.45], [y + 0.38, y - 0.38], color="#c8594e", linewidth=0.6)


def _line(axes: "Axes", line: ChartLine, colour: str, marker: str) -> None:
    """Draw the line in runs of days that follow each other: a day without data is a gap, not a bridge."""
    label: str | None = line.name
    for before, after in zip(line.points, line.points[1:], strict=False):
        if after[0] == before[0] + 1:
            style = (0, (1, 1.6)) if after[2] else "-"
            axes.plot(
                [before[0], after[0]], [before[1], after[1]], color=colour, linewidth=1.5, linestyle=style, zorder=2
            )
    for still_open in (False, True):
        points = [point for point in line.points if point[2] is still_open]
        if points or not still_open:
            axes.plot(
                [day for day, _, _ in points],
                [value for _, value, _ in points],
                color=colour,
                linestyle="none",
                marker=marker,
                markersize=3.8,
                markerfacecolor="white" if still_open else colour,
                markeredgewidth=1.1,
                clip_on=False,
                label=label,
                zorder=3,
            )
            label = None


def _frame(axes: "Axes", frame: ChartAxes, values: Sequence[float]) -> None:
    from matplotlib.ticker import MaxNLocator

    low, high = _range(frame, values)
    ticks = [tick for tick in MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high) if tick >= 0 or low < 0]
    if frame.share:
        ticks = [tick for tick in ticks if tick <= 1 + 1e-9 or high > 1]
    axes.set_ylim(min(ticks[0], low), max(ticks[-1], high))
    axes.set_yticks(ticks, [outlined(frame.value(float(tick))) for tick in ticks], fontproperties=font(7), color=FAINT)
    places = label_places(len(frame.days))
    axes.set_xticks(places, [frame.days[p] for p in places], fontproperties=font(7), color=FAINT)
    axes.set_xlim(-0.4, max(1, len(frame.days)) - 0.6)
    axes.tick_params(length=0, pad=4)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "left", "right"]].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.spines["bottom"].set_linewidth(0.7)


def _range(frame: ChartAxes, values: Sequence[float]) -> tuple[float, float]:
    """Return the axis: from 0 for amounts; shares around what was seen, at least a fifth of the whole wide."""
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    if not frame.share:
        return min(0.0, low), high if high > min(0.0, low) else min(0.0, low) + 1
    missing = max(0.0, LEAST_SPAN - (high - low)) / 2
    low, high = low - missing, high + missing
    low, high = (low - (high - 1), 1.0) if high > 1 >= max(values) else (low, high)
    return max(0.0, low), high


def label_places(count: int) -> list[int]:
    """Return which of *count* days are named beside an axis."""
    step = -(-count // MAX_LABELS) or 1
    return list(range(0, count, step))


def outlined(text: str) -> str:
    """Return *text* as it is drawn: the font's minus is as wide as a character, its dash as wide as a digit."""
    return text.replace("−", "–")


def font(size: float) -> Any:
    """Return the report's font."""
    from matplotlib.font_manager import FontProperties

    return FontProperties(fname=str(fonts.path()), size=size)


def drawn(name: str, height_in: float, draw: Callable[["Figure"], None]) -> bytes:
    """Return what *draw* draws, as SVG; ids begin with *name*."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with _LOCK, mpl.rc_context():
        # Whatever a matplotlibrc of this machine says; and a $ in a name is a $, not a formula.
        mpl.rcdefaults()
        mpl.rcParams.update({"svg.hashsalt": name, "svg.fonttype": "path", "text.parse_math": False})
        figure = Figure(figsize=(WIDTH_IN, height_in), facecolor="none")
        FigureCanvasSVG(figure)
        draw(figure)
        for axes in figure.axes:
            axes.set_facecolor("none")
        buffer = io.BytesIO()
        # Without metadata: it holds the date, and addresses.
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=nothing, transparent=True)
    return _apart(name, buffer.getvalue())


def _apart(name: str, svg: bytes) -> bytes:
    """Return *svg* with its ids prefixed by *name*, so that several may stand in one page, and without a DOCTYPE."""
    text = svg[svg.index(b"<svg") :].decode()
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", text)
    return text.encode()
