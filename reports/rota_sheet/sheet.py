"""What stands on a rota's sheet, and the sheet as text."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from registry.rota import DrawnRota
from reports.presentation.formats import LocaleFormatter
from reports.presentation.labels import N_, NP_
from reports.presentation.language import Language, translator
from reports.presentation.names import arm_name
from schemas.registry import Registry, Trial, day_ms

TITLE = N_("Rota")
DAY = NP_("rota", "Day")
MARK = "●"
"""Stands beside every arm but the trial's first, so that a sheet without colours is read from afar."""


@dataclass(frozen=True, slots=True)
class SheetCell:
    """An arm of one place on one day."""

    arm: str
    marked: bool
    """Not the trial's first arm: something is to be put up."""


@dataclass(frozen=True, slots=True)
class RotaSheet:
    """The sheet in one language; `rows` are days, each with a cell for each of `columns`, which are places."""

    tag: str
    title: str
    product: str
    lines: tuple[str, ...]
    """What it is, how it came about and what to do, a sentence each."""
    day_title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[SheetCell, ...]], ...]
    weeks: frozenset[int]
    """The rows that begin a week: a line is drawn above them."""


def rota_sheet(
    registry: Registry, trial: Trial, drawn: DrawnRota, language: Language, places: Sequence[str]
) -> RotaSheet:
    """Return the sheet of *places*, which are of the draw. Raises `ConfigurationError` without catalogues."""
    words = translator(language)
    formats = LocaleFormatter(words)
    product = next(product for product in registry.products if product.id == trial.product)
    names = {
        p.place_id: _place_name(p.place_id, p.metre, words.pick(p.zone_name))
        for p in registry.placements
        if p.trial == trial.id
    }
    rota = trial.rota
    whose = words.say("Trial %(trial)s, from %(first)s to %(last)s", trial=trial.id,
                      first=formats.date(day_ms(drawn.days[0])), last=formats.date(day_ms(drawn.days[-1])))  # fmt: skip
    how = words.say(
        "Drawn by lottery from the seed “%(seed)s”, registered with the trial: nobody chose a day.",
        seed=rota.seed if rota else "",
    )
    todo = words.say("Change at closing time on the evening before. If you could not, write down the day and tell us.")
    return RotaSheet(
        tag=words.tag,
        title=words.say(TITLE),
        product=words.pick(product.name),
        lines=(whose, how, todo),
        day_title=words.say(DAY),
        columns=tuple(names.get(place, place) for place in places),
        rows=tuple(
            (
                formats.day(day_ms(day)),
                tuple(
                    SheetCell(arm_name(arm, words), marked=arm != trial.arms[0])
                    for arm in (drawn.arm(place, day) for place in places)
                ),
            )
            for day in drawn.days
        ),
        weeks=frozenset(number for number, day in enumerate(drawn.days) if number and day.weekday() == 0),
    )


def _place_name(place: str, metre: float, zone: str) -> str:
    return f"{place} · {zone} · {metre:g} m" if zone else f"{place} · {metre:g} m"


def as_text(sheet: RotaSheet) -> str:
    """Return *sheet* as a table of text; a Chinese character is as wide as two others."""
    table = [
        [sheet.day_title, *sheet.columns],
        *(
            [day, *(f"{MARK} {cell.arm}" if cell.marked else f"  {cell.arm}" for cell in cells)]
            for day, cells in sheet.rows
        ),
    ]
    widths = [max(cell_len(text) for text in column) for column in zip(*table, strict=True)]
    lines = [f"{sheet.title} · {sheet.product}", *sheet.lines, ""]
    for number, row in enumerate(table):
        if number - 1 in {0} | sheet.weeks:
            lines.append("─" * (sum(widths) + 2 * (len(widths) - 1)))
        cells = (text + " " * (width - cell_len(text)) for text, width in zip(row, widths, strict=True))
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"
