"""Frozen reports in the store: written once, listed and read by trial."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reports.frozen.statements import STATEMENTS
from reports.queries.context import QueryContext, moment
from runtime.clickhouse import Client

MODEL = "model.json"
EXTRACT = "extract.parquet"
FORMS = ("pdf", "html", "xlsx", "json")
"""In the order in which they are offered."""
PIECE_BYTES = 4 * 1_048_576
"""Of an extract in one row: the driver holds a row several times."""


@dataclass(frozen=True, slots=True)
class SignedReport:
    """A frozen report with its files, by name."""

    trial_id: str
    report_id: str
    as_of_ms: int
    key_id: str
    extract_sha256: str
    events: int
    starts_ms: int
    files: Mapping[str, bytes]
    extract: bytes


@dataclass(frozen=True, slots=True)
class FrozenEntry:
    """One frozen report of a list."""

    report_id: str
    as_of_ms: int
    frozen_ms: int
    key_id: str
    extract_sha256: str
    events: int
    files: tuple[str, ...]


def form_name(language: str, form: str) -> str:
    """Return under which name a form is stored; JSON is one for both languages."""
    return MODEL if form == "json" else f"{language}.{form}"


def forms_of(entry: FrozenEntry) -> dict[str, list[str]]:
    """Return the forms in which a frozen report is kept, by language; the one JSON is in both."""
    found: dict[str, list[str]] = {}
    for name in entry.files:
        language, _, form = name.partition(".")
        if name != MODEL:
            found.setdefault(language, []).append(form)
    shared = ["json"] if MODEL in entry.files else []
    return {language: [*sorted(forms, key=FORMS.index), *shared] for language, forms in sorted(found.items())}


def file_name(trial_id: str, report_id: str, language: str, form: str) -> str:
    """Return what a frozen report's file is called where it is downloaded."""
    said = "" if form == "json" else f"-{language}"
    return f"{trial_id}-{report_id}{said}.{form}"


def verify_command(trial_id: str, report_id: str, language: str) -> str:
    """Return the command that checks a frozen report, with its files as they are downloaded."""
    report, extract = file_name(trial_id, report_id, language, "pdf"), f"{trial_id}-{report_id}.{EXTRACT}"
    return f"avenue report verify {report} --data {extract} --public-key key.pem"


def put(client: Client, report: SignedReport, now_ms: int) -> None:
    """Store *report*; the same again changes nothing. The list shows it once all of it is there."""
    pieces = [report.extract[at : at + PIECE_BYTES] for at in range(0, len(report.extract), PIECE_BYTES)]
    for number, piece in enumerate(pieces):
        client.insert(
            "frozen_extracts",
            [[report.trial_id, report.report_id, number, moment(report.starts_ms), piece]],
            column_names=["trial_id", "report_id", "piece", "starts_at", "content"],
            settings={"async_insert": 0},
        )
    said = [moment(report.as_of_ms), moment(now_ms), report.key_id, report.extract_sha256, report.events]
    client.insert(
        "frozen_reports",
        [[report.trial_id, report.report_id, name, *said, content] for name, content in sorted(report.files.items())],
        column_names=[
            *("trial_id", "report_id", "file", "as_of", "frozen_at", "key_id", "extract_sha256", "events", "content"),
        ],
        settings={"async_insert": 0},
    )


def entries(context: QueryContext, trial_id: str) -> tuple[FrozenEntry, ...]:
    """Return the frozen reports of *trial_id*, the latest first."""
    rows = context.client.query(STATEMENTS.render("list"), parameters={"trial": trial_id}).result_rows
    return tuple(
        FrozenEntry(str(i), int(as_of), int(frozen), str(key), str(sha256), int(events), tuple(map(str, files)))
        for i, as_of, frozen, key, sha256, events, files in rows
    )


def file(context: QueryContext, trial_id: str, report_id: str, name: str) -> bytes | None:
    """Return one file of a frozen report, or None where there is none."""
    statement = "extract" if name == EXTRACT else "file"
    given = {"trial": trial_id, "report": report_id} | ({} if name == EXTRACT else {"file": name})
    found = list(_decoded(context, statement, given))
    return b"".join(found) if found else None


def _decoded(context: QueryContext, statement: str, given: Mapping[str, str]) -> Iterator[bytes]:
    for (text,) in context.client.query(STATEMENTS.render(statement), parameters=dict(given)).result_rows:
        yield base64.b64decode(text)
