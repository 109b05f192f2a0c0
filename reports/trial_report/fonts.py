"""The one font of a report: a file that comes with a pinned package, so that a report looks the same everywhere."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from runtime.errors import ConfigurationError

PACKAGE = "mplfonts"
FILE = "NotoSansCJKsc-Regular.otf"
FAMILY = "Noto Sans CJK SC"
MISSING = "〓"
"""The printers' mark for a character that the case has no type for."""


def folder() -> Path:
    """Return the folder that holds the font. Raises `ConfigurationError` where the package is not installed."""
    # Looked up, not imported: importing it changes matplotlib's settings.
    found = find_spec(PACKAGE)
    for place in (found.submodule_search_locations or ()) if found else ():
        if (Path(place) / "fonts" / FILE).exists():
            return Path(place) / "fonts"
    raise ConfigurationError(f"the report's font {FILE} is not there; `make setup` installs the package {PACKAGE}")


def path() -> Path:
    """Return the font's file. Raises `ConfigurationError` where it is not installed."""
    return folder() / FILE


@cache
def characters() -> frozenset[int]:
    """Return the code points that the font can show."""
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(str(path())).get_charmap())


def shown(text: str) -> str:
    """Return *text* with `MISSING` for each character that the font cannot show, as names in a registry may hold."""
    known = characters()
    if all(ord(character) in known or character == "\n" for character in text):
        return text
    return "".join(c if ord(c) in known or c == "\n" else MISSING for c in text)
