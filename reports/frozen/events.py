"""A trial's events from the store as the rows of an extract: people and sessions become numbers, ids are left out."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reports.frozen.statements import STATEMENTS
from reports.queries.context import QueryContext, moment
from reports.trial_report.statement import LogRangeJson
from reports.verification.extract import SCHEMA
from runtime.errors import PipelineError
from schemas.timing import Timing
from schemas.topics import Topic


class TooManyEventsError(PipelineError):
    """A trial has more events than an extract may hold."""

    def __init__(self, found: int, limit: int) -> None:
        super().__init__(
            f"{found} events, and an extract holds at most {limit}: raise AVENUE_REPORT__EXTRACT_ROWS, about 0.3 KB of "
            "memory an event"
        )


@dataclass(frozen=True, slots=True)
class TrialEvents:
    """The rows of an extract, and where on the log their events lie."""

    table: pa.Table
    log: list[LogRangeJson]


def read_events(context: QueryContext, trial_id: str, to_ms: int, *, max_rows: int) -> TrialEvents:
    """Return the events of *trial_id* before *to_ms*, also before its start. Raises `TooManyEventsError`."""
    parameters = {"trial": trial_id, "to": moment(to_ms)}
    found = int(context.client.query(STATEMENTS.render("events_count"), parameters=parameters).result_rows[0][0])
    if found > max_rows:
        raise TooManyEventsError(found, max_rows)
    answer = context.client.raw_query(STATEMENTS.render("events"), parameters=parameters, fmt="ArrowStream")
    rows = pa.ipc.open_stream(io.BytesIO(answer)).read_all()
    graces = {epoch.number: epoch.grace_ms for epoch in context.directory.epochs}
    return TrialEvents(_extract_rows(rows, graces), _log_ranges(rows))


def _extract_rows(rows: Any, graces_ms: Mapping[int, int]) -> Any:
    count = rows.num_rows
    epochs = rows.column("epoch").to_numpy()
    grace = np.full(count, Timing().grace_ms, dtype=np.int64)
    for number, grace_ms in graces_ms.items():
        grace[epochs == number] = grace_ms
    columns = {
        "event": pa.array(np.arange(1, count + 1, dtype=np.uint32)),
        "platform": _text(rows, "platform"),
        "placement": _text(rows, "placement_id"),
        "arm": _text(rows, "arm"),
        "kind": _text(rows, "kind"),
        "outcome": _text(rows, "outcome"),
        "occurred_at": _time(rows, "occurred_ms"),
        "received_at": _time(rows, "received_ms"),
        "grace_ms": pa.array(grace),
        "subject": _numbered(rows, "subject"),
        "session": _numbered(rows, "session_id"),
        "duration_ms": rows.column("duration_ms"),
        "amount_fen": rows.column("amount_fen"),
        "rating": rows.column("rating"),
    }
    return pa.table(columns).cast(SCHEMA)


def _text(rows: Any, name: str) -> Any:
    return rows.column(name).cast(pa.string())


def _time(rows: Any, name: str) -> Any:
    return rows.column(name).cast(pa.timestamp("ms", tz="UTC"))


def _numbered(rows: Any, name: str) -> Any:
    """Return the hashes of a column as numbers from 1 in order of first appearance; none is 0."""
    known = pc.if_else(pc.equal(_text(rows, name), ""), None, _text(rows, name)).combine_chunks()
    codes = known.dictionary_encode().indices
    return pc.add(codes.cast(pa.int64()), 1).fill_null(0).cast(pa.uint32())


def _log_ranges(rows: Any) -> list[LogRangeJson]:
    grouped = rows.group_by(["epoch", "partition"]).aggregate(
        [("offset", "min"), ("offset", "max"), ("offset", "count")]
    )
    return [
        LogRangeJson(
            topic=Topic.EVENTS.value,
            epoch=row["epoch"],
            partition=row["partition"],
            first_offset=row["offset_min"],
            last_offset=row["offset_max"],
            events=row["offset_count"],
        )
        for row in grouped.sort_by([("epoch", "ascending"), ("partition", "ascending")]).to_pylist()
    ]
