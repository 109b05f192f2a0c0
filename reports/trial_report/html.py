"""A report as one HTML file that needs nothing else: style and drawings within, no script, fit to print."""

import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from reports.trial_report.blocks import ReportDocument, Rows
from reports.verification.carried import html_comment
from reports.verification.seal import slot

TEMPLATES = Path(__file__).with_name("templates")
_NAMESPACE = re.compile(r'\s+xmlns(:\w+)?="[^"]*"')


def html(document: ReportDocument) -> bytes:
    """Return *document* as a page of its own, UTF-8."""
    page = _environment().get_template("report.html")
    charts = {name: inline(draw()) for name, draw in document.charts.items()}
    signed = document.signed
    seal = {"slot": slot("html", signed.key_id), "model": Markup(html_comment(signed.content))} if signed else None  # noqa: S704 - base64
    return page.render(doc=document, charts=charts, seal=seal).encode()


def inline(svg: bytes) -> Markup:
    """Return *svg* for the inside of a page, as wide as its room; HTML needs no namespaces, which are addresses."""
    text = _NAMESPACE.sub("", svg.decode())
    text = re.sub(r'^<svg width="[^"]*" height="[^"]*"', "<svg", re.sub(r"<svg\s+", "<svg ", text, count=1))
    text = text.replace("<svg ", '<svg aria-hidden="true" ', 1)
    # Ours from end to end: matplotlib drew it, names in it are outlines.
    return Markup(text)  # noqa: S704 - see above


def spanned(rows: Rows) -> list[tuple[int, tuple[str, ...]]]:
    """Return *rows* with how many of them their first cell names: 0 where it is empty, and the row above names it."""
    found: list[tuple[int, tuple[str, ...]]] = []
    for row in reversed(rows):
        below = 0
        while below < len(found) and found[-1 - below][0] == 0:
            below += 1
        found.append((0 if not row[0] else 1 + below, row))
    return found[::-1]


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["spanned"] = spanned
    return made
