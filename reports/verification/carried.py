"""The signed model that a report of any form carries: JSON is the model itself, the others have it within."""

import base64
import binascii
import io
import re
import zipfile
from typing import Any

from reports.verification.seal import Form

ATTACHMENT = "report.json"
"""Its name in a PDF."""
SHEET = "avenue-report"
"""The name of the sheet, hidden, that holds it in an XLSX file: base64, in pieces, one below the other."""
PIECE = 30_000
"""Characters of a cell; Excel takes 32,767."""
_END, _END_BYTES = b"PK\x05\x06", 22
"""How the last record of a ZIP file begins, and its length where there is no comment."""
_COMMENT = re.compile(rb"<!-- avenue-report ([A-Za-z0-9+/=]+) -->")


class NotCarriedError(ValueError):
    """A file carries no model of a report."""


def form_of(content: bytes) -> Form | None:
    """Return of which form a report in *content* is, by how it begins; None where it is none."""
    if content.startswith(b"%PDF-"):
        return "pdf"
    if content.startswith(b"PK\x03\x04"):
        return "xlsx"
    head = content[:512].lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return "html"
    return "json" if head.startswith(b"{") else None


def model_in(content: bytes, form: Form) -> bytes:
    """Return the model that a report carries, as its JSON file has it. Raises `NotCarriedError`."""
    match form:
        case "json":
            return content
        case "html":
            return _in_html(content)
        case "pdf":
            return _in_pdf(content)
        case "xlsx":
            return _in_workbook(content)


def html_comment(model: bytes) -> str:
    """Return *model* for the end of an HTML page."""
    return f"<!-- avenue-report {base64.b64encode(model).decode()} -->"


def pieces(model: bytes) -> list[str]:
    """Return *model* for the cells of a sheet."""
    text = base64.b64encode(model).decode()
    return [text[start : start + PIECE] for start in range(0, len(text), PIECE)]


def with_comment(archive: bytes, comment: str) -> bytes:
    """Return *archive*, a ZIP file without a comment, with one: its last bytes, behind all that is packed."""
    if archive[-_END_BYTES : -_END_BYTES + 4] != _END or archive[-2:] != b"\0\0":
        raise ValueError("the archive does not end as one without a comment does")
    text = comment.encode("ascii")
    return archive[:-2] + len(text).to_bytes(2, "little") + text


def _in_html(content: bytes) -> bytes:
    found = _COMMENT.search(content)
    if found is None:
        raise NotCarriedError("the page carries no model of a frozen report")
    return _decoded(found[1])


def _in_pdf(content: bytes) -> bytes:
    import pypdfium2  # type: ignore[import-untyped]  # it ships no types

    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        raise NotCarriedError(f"the PDF cannot be read ({error})") from error
    try:
        for number in range(document.count_attachments()):
            attachment = document.get_attachment(number)
            if attachment.get_name() == ATTACHMENT:
                return bytes(attachment.get_data())
    except pypdfium2.PdfiumError as error:
        raise NotCarriedError(f"what is attached to the PDF cannot be read ({error})") from error
    finally:
        document.close()
    raise NotCarriedError(f"the PDF has no attachment {ATTACHMENT}: it is no frozen report")


def _in_workbook(content: bytes) -> bytes:
    import openpyxl

    try:
        book: Any = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
        if SHEET not in book.sheetnames:
            raise NotCarriedError("the workbook carries no model of a frozen report")
        text = "".join(str(value) for (value,) in book[SHEET].iter_rows(max_col=1, values_only=True))
    except (zipfile.BadZipFile, KeyError, OSError, SyntaxError, TypeError) as error:
        raise NotCarriedError(f"the workbook cannot be read ({type(error).__name__})") from error
    return _decoded(text.encode())


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise NotCarriedError("the model that it carries is damaged") from error
