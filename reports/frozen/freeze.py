"""Freezes a trial's report: fixes its data, recomputes every figure from the extract, signs what holds, sets it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

import msgspec

from reports.frozen.events import TrialEvents, read_events
from reports.frozen.registry_snapshot import registry_snapshot
from reports.frozen.signing_key import SigningKey
from reports.frozen.since import since_frozen
from reports.frozen.statements import STATEMENTS
from reports.frozen.store import EXTRACT, MODEL, SignedReport, form_name
from reports.presentation.language import Language
from reports.queries.context import QueryContext, moment
from reports.queries.freshness import complete_until
from reports.trial_report.content import TrialReport, gather
from reports.trial_report.data import json, report_json
from reports.trial_report.html import html
from reports.trial_report.page import document
from reports.trial_report.pdf import pdf
from reports.trial_report.statement import ExtractJson, FrozenJson, SettlementJson, SignedModel
from reports.trial_report.workbook import workbook
from reports.verification.check import FROZEN, SEAL, compare, figures_of
from reports.verification.extract import ExtractFile, ExtractMetadata, write_extract
from reports.verification.leaves import leaves
from reports.verification.seal import Form, opened, sealed
from reports.verification.stated import stated_reason
from runtime.errors import PipelineError
from schemas.timing import BLOCK_MS, block_of

ID_CHARACTERS = 16
NAMED = 5
"""Differences that a refusal names."""


class FreezeRefusedError(PipelineError):
    """A report cannot be frozen now; the message says why and what would let it."""


@dataclass(frozen=True, slots=True)
class FreezeLimits:
    """What freezing goes by."""

    max_event_age_days: int
    max_rows: int


def freeze(
    context: QueryContext, trial_id: str, *, asked_ms: int | None, limits: FreezeLimits, key: SigningKey
) -> SignedReport:
    """Return the frozen report of *trial_id* as of *asked_ms*, else of now, with all its forms; stores nothing.

    Equal data and an equal moment give equal bytes. Raises `FreezeRefusedError`, `NotCompleteError`,
    `TooManyEventsError`, and `KeyError` where the registry has no such trial.
    """
    report, events = _fixed(context, trial_id, asked_ms, limits)
    report = replace(report, since=since_frozen(context, report, max_event_age_days=limits.max_event_age_days))
    extract, report = _with_extract(context, report, events)
    model = sealed(json(report, key_id=key.key_id), "json", key.key_id, key.sign)
    seal = opened(model, "json")
    if seal is None or report.frozen is None:
        raise FreezeRefusedError("the report could not be sealed; this is a fault of ours")
    signed = SignedModel(model, seal.sha256, key.key_id, seal.signature)
    return SignedReport(
        trial_id=trial_id,
        report_id=seal.sha256[:ID_CHARACTERS],
        as_of_ms=report.present_ms,
        key_id=key.key_id,
        extract_sha256=report.frozen.extract.sha256,
        events=events.table.num_rows,
        starts_ms=report.span.starts_ms,
        files={MODEL: model, **_forms(report, signed, key)},
        extract=extract,
    )


def _fixed(
    context: QueryContext, trial_id: str, asked_ms: int | None, limits: FreezeLimits
) -> tuple[TrialReport, TrialEvents]:
    """Return a report and the events it counts, read of one state of the store. Raises `FreezeRefusedError`."""
    known_ms = complete_until(context, context.span(trial_id).product_id)
    if known_ms is None:
        raise FreezeRefusedError(
            "up to when the data are complete is not known yet; `avenue doctor` says which hop to look at"
        )
    at_ms = min(known_ms, context.now_ms) if asked_ms is None else asked_ms
    report = gather(context, trial_id, max_event_age_days=limits.max_event_age_days, asked_ms=at_ms)
    if report.state == "planned":
        raise FreezeRefusedError(f"trial {trial_id} has not begun: there is nothing to freeze")
    events = read_events(context, trial_id, report.interval.to_ms, max_rows=limits.max_rows)
    if report.moved:
        raise FreezeRefusedError(
            "data of the trial keep coming while it is read; freeze it as of an hour ago (--as-of), or when it is over"
        )
    return report, events


def _with_extract(context: QueryContext, report: TrialReport, events: TrialEvents) -> tuple[bytes, TrialReport]:
    """Return the extract, and the report that names it. Raises `FreezeRefusedError` where a figure is not its own."""
    snapshot = registry_snapshot(report.directory, report.trial.id)
    tree = msgspec.to_builtins(report_json(report))
    bare = ExtractFile(events.table, ExtractMetadata(snapshot, {}))
    mine = figures_of(tree, bare)
    said = leaves({name: value for name, value in tree.items() if name not in {FROZEN, SEAL}})
    stated = {path: value for path, value in said.items() if path not in mine and stated_reason(path)}
    metadata = ExtractMetadata(snapshot, stated)
    extract = write_extract(events.table, metadata)
    named = ExtractJson(
        name=f"{report.trial.id}.{EXTRACT}",
        sha256=hashlib.sha256(extract).hexdigest(),
        bytes=len(extract),
        events=events.table.num_rows,
    )
    frozen = FrozenJson(events.log, _settlement(context, report), named, snapshot)
    _refuse_differences({**tree, FROZEN: msgspec.to_builtins(frozen)}, ExtractFile(events.table, metadata))
    return extract, replace(report, frozen=frozen)


def _refuse_differences(tree: dict[str, Any], file: ExtractFile) -> None:
    found = compare(tree, file).differences
    if found:
        more = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
        raise FreezeRefusedError(
            f"not signed: {len(found)} of its figures are not what its events give ({'; '.join(found[:NAMED])}{more}). "
            "Where data came meanwhile a further try holds; else `avenue reconcile` tells which sum does not close"
        )


def _settlement(context: QueryContext, report: TrialReport) -> SettlementJson:
    interval = report.interval
    to_ms = block_of(interval.to_ms - 1) + BLOCK_MS if not interval.empty else interval.from_ms
    given = {"product": report.product.id, "from": moment(block_of(interval.from_ms)), "to": moment(to_ms)}
    ((windows, latest),) = context.client.query(STATEMENTS.render("settlement"), parameters=given).result_rows
    return SettlementJson(int(windows), int(latest))


def _forms(report: TrialReport, signed: SignedModel, key: SigningKey) -> Mapping[str, bytes]:
    """Return the other forms in each language, each with a seal of its own and the signed model within."""
    found: dict[str, bytes] = {}
    for language in get_args(Language):
        page = document(report, language, signed)
        made: dict[Form, bytes] = {"html": html(page), "pdf": pdf(page), "xlsx": workbook(report, page)}
        for form, content in made.items():
            found[form_name(language, form)] = sealed(content, form, key.key_id, key.sign)
    return found
