"""Drawings of a trial's design: where its places stand along the avenue, and which arm each had on which day."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from reports.trial_report.charts import FAINT, INK, PALETTE, QUIET, drawn, font, label_places

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STRIP_IN = 1.35
ROW_IN, ROWS_IN = 0.17, 3.4
LEVELS = 2
"""Heights at which marks of places stand that would cover each other."""
APART = 0.022
"""Of the street's length: nearer than this two marks cover each other."""
ENDS = 0.03
NAMES = 0.2


def arm_colours(arms: Sequence[str], baseline: str | None) -> dict[str, str]:
    """Return the colour of each of *arms*: what others are compared with is grey."""
    colours = iter(PALETTE * len(arms))
    return {arm: QUIET if arm == baseline else next(colours) for arm in arms}


@dataclass(frozen=True, slots=True)
class StripPlace:
    """A place on the strip: its number there, where it stands, and the colours of the arms that it has."""

    label: str
    metre: float
    side: Literal["north", "south"]
    colours: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StripDrawing:
    """The avenue from end to end, and what stands along it."""

    length_m: float
    places: tuple[StripPlace, ...]
    sides: tuple[str, str]
    """What north and south are called."""
    metres: tuple[tuple[float, str], ...]
    """Where the axis is named, and how."""
    arms: tuple[tuple[str, str], ...]
    """Each arm's name and colour."""


def strip_chart(name: str, strip: StripDrawing) -> bytes:
    """Return the avenue with its places as SVG, north above."""

    def draw(figure: "Figure") -> None:
        axes = figure.add_axes((0.07, 0.16, 0.92, 0.68))
        axes.set_xlim(-ENDS * strip.length_m, (1 + ENDS) * strip.length_m)
        axes.set_ylim(-2.2, 2.2)
        axes.axhspan(-0.16, 0.16, xmin=ENDS / (1 + 2 * ENDS), xmax=1 - ENDS / (1 + 2 * ENDS), color="#e6eaee", zorder=1)
        for side, sign in (("north", 1), ("south", -1)):
            standing = sorted((p for p in strip.places if p.side == side), key=lambda p: p.metre)
            for place, level in zip(standing, _levels(standing, strip.length_m), strict=True):
                _mark(axes, place, sign * (0.5 + 0.85 * level))
        for text, y in zip(strip.sides, (1, -1), strict=True):
            axes.text(-ENDS * strip.length_m, y, text, ha="right", va="center", fontproperties=font(7), color=FAINT)
        axes.set_xticks(
            [at for at, _ in strip.metres], [said for _, said in strip.metres], fontproperties=font(7), color=FAINT
        )
        _legend(axes, strip.arms)
        axes.set_yticks([])
        axes.tick_params(length=0, pad=2)
        axes.spines[:].set_visible(False)

    return drawn(name, STRIP_IN, draw)


def _levels(places: Sequence[StripPlace], length_m: float) -> list[int]:
    """Return the level of each of *places*, which are in order: the lowest whose last mark is far enough away."""
    last = [-length_m] * LEVELS
    found = []
    for place in places:
        free = [level for level in range(LEVELS) if place.metre - last[level] >= APART * length_m]
        level = free[0] if free else min(range(LEVELS), key=lambda one: last[one])
        last[level] = place.metre
        found.append(level)
    return found


def _mark(axes: "Axes", place: StripPlace, y: float) -> None:
    """Draw the place's number and its disc in the colours of its arms: halves where it has two."""
    axes.plot([place.metre, place.metre], [0, y], color=FAINT, linewidth=0.5, zorder=1.5)
    first, last = place.colours[0], place.colours[-1]
    axes.plot(
        [place.metre],
        [y],
        marker="o",
        markersize=8,
        fillstyle="left" if len(place.colours) > 1 else "full",
        markerfacecolor=first,
        markerfacecoloralt=last,
        markeredgecolor="white",
        markeredgewidth=0.6,
        zorder=3,
    )
    side = 1 if y > 0 else -1
    axes.text(
        place.metre,
        y + side * 0.62,
        place.label,
        ha="center",
        va="center",
        fontproperties=font(7),
        color=INK,
        zorder=4,
    )


def _legend(axes: "Axes", arms: Sequence[tuple[str, str]]) -> None:
    from matplotlib.patches import Patch

    axes.legend(
        handles=[Patch(facecolor=colour, label=name) for name, colour in arms],
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=max(1, len(arms)),
        frameon=False,
        prop=font(7.5),
        handlelength=0.9,
        handleheight=0.9,
        handletextpad=0.5,
        columnspacing=1.4,
        labelcolor=INK,
        borderaxespad=0.1,
    )


@dataclass(frozen=True, slots=True)
class ArmDaysDrawing:
    """Which arm each place has on each day: a colour, or None where it does not stand."""

    rows: tuple[tuple[str, tuple[str | None, ...]], ...]
    days: tuple[str, ...]
    over: int
    """So many of the days are over; the others are planned."""
    arms: tuple[tuple[str, str], ...]


def arm_days_chart(name: str, drawing: ArmDaysDrawing) -> bytes:
    """Return the arms by place and day as SVG; days that are still to come are pale."""

    def draw(figure: "Figure") -> None:
        from matplotlib.patches import Rectangle

        height = figure.get_figheight()
        axes = figure.add_axes((NAMES, 0.2 / height, 0.99 - NAMES, 1 - 0.42 / height))
        for y, (_, colours) in enumerate(drawing.rows):
            for x, colour in enumerate(colours):
                if colour is not None:
                    alpha = 1.0 if x < drawing.over else 0.4
                    axes.add_patch(
                        Rectangle((x - 0.46, y - 0.4), 0.92, 0.8, facecolor=colour, alpha=alpha, edgecolor="none")
                    )
        axes.set_xlim(-0.5, len(drawing.days) - 0.5)
        axes.set_ylim(len(drawing.rows) - 0.5, -0.5)
        places = label_places(len(drawing.days))
        axes.set_xticks(places, [drawing.days[p] for p in places], fontproperties=font(7), color=FAINT)
        axes.set_yticks(range(len(drawing.rows)), [title for title, _ in drawing.rows], fontproperties=font(7))
        axes.tick_params(length=0, pad=3, labelcolor=INK)
        axes.spines[:].set_visible(False)
        _legend(axes, drawing.arms)

    return drawn(name, 0.45 + min(ROW_IN * len(drawing.rows), ROWS_IN), draw)
