"""Keep the catalogues of pages and report: `python -m reports.presentation.catalogue` renews them.

The message in the source is the English text, so English is filled in here; Chinese is written by hand in its .po file.
"""

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from reports.presentation.language import DOMAIN, LANGUAGES, LOCALE_FOLDER, LOCALES, Language

REPORTS = Path(__file__).parents[1]
ROOT = REPORTS.parent
KEYWORDS = {"say": None, "count": (1, 2), "_": None, "N_": None, "NN_": (1, 2), "NP_": ((1, "c"), 2)}
SCRIPT_KEYWORDS = {"t": None}
# Headers that change with each run or name nobody, and say nothing to a translator.
_NOISE = tuple(
    f'"{name}:'.encode()
    for name in (
        "Project-Id-Version",
        "Report-Msgid-Bugs-To",
        "POT-Creation-Date",
        "PO-Revision-Date",
        "Last-Translator",
        "Language-Team",
        "Generated-By",
    )
)
_SORTS = (
    ("dashboard/templates/*.html", "jinja2.ext:babel_extract"),
    ("dashboard/*.py", "python"),
    ("presentation/*.py", "python"),
    ("notifications/*.py", "python"),
    ("trial_report/*.py", "python"),
    ("rota_sheet/*.py", "python"),
    ("dashboard/web/src/*.ts", "javascript"),
)


def extracted() -> Catalog:
    """Return every message of pages and report, with where it stands."""
    found = Catalog(domain=DOMAIN, project="avenue", fuzzy=False)
    for path, method in _sources():
        keywords = SCRIPT_KEYWORDS if path.suffix == ".ts" else KEYWORDS
        for line, message, comments, context in extract_from_file(method, path, keywords, ("i18n:",)):
            found.add(message, locations=[(str(path.relative_to(ROOT)), line)], auto_comments=comments, context=context)
    return found


def po_path(language: Language) -> Path:
    """Return where the catalogue of *language* is kept."""
    return LOCALE_FOLDER / LOCALES[language] / "LC_MESSAGES" / f"{DOMAIN}.po"


def read(language: Language) -> Catalog:
    """Return the catalogue of *language* as it is kept; an empty one where there is none yet."""
    path = po_path(language)
    if not path.exists():
        return Catalog(locale=LOCALES[language], domain=DOMAIN, project="avenue", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=LOCALES[language], domain=DOMAIN)


def renew() -> None:
    """Bring the .po files to what the sources say: new messages empty in Chinese, dropped ones gone."""
    template = extracted()
    for language in LANGUAGES:
        kept = read(language)
        kept.update(template, no_fuzzy_matching=True, update_header_comment=False)
        kept.obsolete.clear()
        kept.fuzzy = False
        for message in kept:
            if language == "en" and message.id:
                message.string = message.id
        path = po_path(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        kept.header_comment = (
            f"# Pages and report in {language}. Renewed by `python -m reports.presentation.catalogue`."
        )
        buffer = BytesIO()
        write_po(buffer, kept, width=110, include_lineno=False, sort_output=True)
        path.write_bytes(b"".join(line for line in buffer.getvalue().splitlines(True) if not line.startswith(_NOISE)))


def compile_all(*, force: bool = False) -> None:
    """Compile each .po file whose .mo is missing or older."""
    for language in LANGUAGES:
        path = po_path(language)
        target = path.with_suffix(".mo")
        if force or not target.exists() or target.stat().st_mtime < path.stat().st_mtime:
            with target.open("wb") as file:
                write_mo(file, read(language))


def _sources() -> Iterator[tuple[Path, str]]:
    for pattern, method in _SORTS:
        for path in sorted(REPORTS.glob(pattern)):
            yield path, method


if __name__ == "__main__":
    renew()
    compile_all(force=True)
    sys.stdout.write("catalogues renewed; fill in what is empty in zh_Hans_CN\n")
