"""A report as PDF: set by typst, tagged (PDF/UA-1), fit for archives (PDF/A); equal input gives equal bytes.

A frozen one is PDF/A-3a, which may carry its signed model as an attachment; any other is PDF/A-2a.
"""

import threading
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from reports.trial_report import fonts
from reports.trial_report.blocks import ReportDocument
from reports.verification.carried import ATTACHMENT
from reports.verification.seal import slot

TEMPLATE = Path(__file__).with_name("template.typ")
Standards = list[Literal["a-2a", "a-3a", "ua-1"]]
STANDARDS: Standards = ["a-2a", "ua-1"]
FROZEN_STANDARDS: Standards = ["a-3a", "ua-1"]
_LOCK = threading.Lock()


class TypesettingError(Exception):
    """The template does not fit the document: a fault of ours, with typst's words."""


def pdf(document: ReportDocument) -> bytes:
    """Return *document* as A4 pages, dated by its as-of. Raises `TypesettingError`."""
    import typst

    sources: dict[str, bytes] = {
        "main.typ": TEMPLATE.read_bytes(),
        "document.json": msgspec.json.encode(_typst_data(document)),
    }
    if document.signed is not None:
        sources[ATTACHMENT] = document.signed.content
    sources |= {f"chart-{name}.svg": draw() for name, draw in document.charts.items()}
    with _LOCK:
        try:
            made, warnings = typst.compile_with_warnings(  # type: ignore[call-overload]  # sources in memory
                sources,
                font_paths=_fonts(),
                sys_inputs={"font": fonts.FAMILY},
                timestamp=document.present_ms // 1000,
                pdf_standards=FROZEN_STANDARDS if document.signed else STANDARDS,
            )
        except typst.TypstError as error:
            raise TypesettingError(f"{error}; {'; '.join(error.hints)}") from error
    if warnings:
        raise TypesettingError("; ".join(warning.message for warning in warnings))
    return bytes(made)


@cache
def _fonts() -> Any:
    """Return the fonts of the one folder and no others, as typst keeps them between reports."""
    import typst

    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(fonts.folder())])


def _typst_data(document: ReportDocument) -> Any:
    tree = msgspec.to_builtins(replace(document, charts={}, signed=None))
    # A keyword stands as it is in the file, where the seal can be written over it.
    tree["seal"] = slot("pdf", document.signed.key_id) if document.signed else ""
    tree["attachment"] = ATTACHMENT if document.signed else ""
    at = datetime.fromtimestamp(document.present_ms // 1000, UTC)
    tree["present"] = [at.year, at.month, at.day, at.hour, at.minute, at.second]
    tree["lang"] = document.language
    return _showable(tree)


def _showable(tree: Any) -> Any:
    """Return *tree* with every text as the font can show it: names come from a registry and may hold anything."""
    match tree:
        case str():
            return fonts.shown(tree)
        case dict():
            return {name: _showable(value) for name, value in tree.items()}
        case list() | tuple():
            return [_showable(value) for value in tree]
        case _:
            return tree
