"""What a later report says of an earlier frozen one: which of its figures late data and corrections have changed."""

from collections.abc import Mapping
from typing import Any

import msgspec

from reports.frozen import store
from reports.frozen.store import FrozenEntry
from reports.queries.context import QueryContext
from reports.queries.spans import iso
from reports.trial_report.content import TrialReport, gather
from reports.trial_report.data import report_json
from reports.trial_report.statement import ChangedFigureJson, SinceFrozenJson
from reports.verification.leaves import Leaf, leaves, same, told
from reports.verification.stated import is_added, stated_reason

COMPARED = ("arrivals", "placements", "readout", "totals", "daily", "funnels")
"""Sections that hold figures."""
ASIDE = ("readout.health", "readout.freshness")
"""How the street and the road stood: no figures, and partly those of the moment of asking."""
LISTED = 20
"""Figures that are listed; all are counted."""


def since_frozen(context: QueryContext, report: TrialReport, *, max_event_age_days: int) -> SinceFrozenJson | None:
    """Return what has changed since the latest frozen report that is no later than *report*; None where none is.

    The trial is counted once more as of the frozen report's own moment, so that only what came or was corrected since
    differs. A report as of the same moment says nothing where nothing has changed.
    """
    earlier = [entry for entry in store.entries(context, report.trial.id) if entry.as_of_ms <= report.present_ms]
    for entry in earlier:
        model = store.file(context, report.trial.id, entry.report_id, store.MODEL)
        if model is None:
            continue
        again = report
        if entry.as_of_ms != report.present_ms:
            days = max_event_age_days
            again = gather(context, report.trial.id, max_event_age_days=days, asked_ms=entry.as_of_ms)
        found = _changed(msgspec.json.decode(model), again, entry)
        if found.changes or entry.as_of_ms != report.present_ms:
            return found
    return None


def _changed(then: Mapping[str, Any], again: TrialReport, entry: FrozenEntry) -> SinceFrozenJson:
    now_tree = msgspec.to_builtins(report_json(again))
    before, now = (_figures(tree) for tree in (then, now_tree))
    paths = [path for path in sorted({*before, *now}) if not _equal(path, before, now)]
    changed = [ChangedFigureJson(path, _said(before, path), _said(now, path)) for path in paths[:LISTED]]
    other = _method(then) != _method(now_tree)
    return SinceFrozenJson(entry.report_id, iso(entry.as_of_ms), len(paths), changed, other)


def _method(tree: Mapping[str, Any]) -> object:
    # Reports of before methods were named have none.
    return tree.get("made_by", {}).get("method")


def _figures(tree: Mapping[str, Any]) -> dict[str, Leaf]:
    """Return what may be said to have changed: no texts, and not how far the store was behind the moment of asking."""
    found = {path: value for section in COMPARED for path, value in leaves(tree[section], section).items()}
    figures = {path: value for path, value in found.items() if not path.startswith(ASIDE)}
    return {path: value for path, value in figures.items() if stated_reason(path) in {None, "not_in_extract"}}


def _equal(path: str, before: Mapping[str, Leaf], now: Mapping[str, Leaf]) -> bool:
    if path not in before and is_added(path):
        return True
    return path in before and path in now and same(before[path], now[path])


def _said(values: Mapping[str, Leaf], path: str) -> str:
    return told(values[path]) if path in values else "–"
