"""A rota's sheet as one HTML file that needs nothing else: no script, no address, fit to print on A4."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from reports.rota_sheet.sheet import MARK, RotaSheet

TEMPLATES = Path(__file__).with_name("templates")


def html(sheet: RotaSheet) -> str:
    """Return *sheet* as a page."""
    return _environment().get_template("rota.html").render(sheet=sheet, mark=MARK)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
