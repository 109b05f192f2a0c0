"""What is kept how long, how old the oldest of it is, and what is destroyed next."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from avenue.doctor.runner import BrokenError, CheckContext, SkippedError, WarnedError
from registry.retention import kept_until_ms, retention_ms
from runtime.clickhouse_errors import explain
from runtime.clock import SystemClock
from runtime.settings import Settings
from schemas.registry import Registry, epoch_ms
from schemas.timing import DAY_MS

OVERDUE_DAYS = 2
"""Looked for every few minutes, and a trial may wait for its settlement."""
_OLDEST = """
SELECT
    (SELECT toUnixTimestamp64Milli(min(occurred_at)) FROM pilot_events) AS events,
    (SELECT toUnixTimestamp64Milli(min(received_at)) FROM pilot_rejects) AS rejects
"""
_RETIRED = """
SELECT scope, toUnixTimestamp64Milli(max(until)) AS until_ms FROM retirements WHERE entry_type = 'trial' GROUP BY scope
"""


def check_retention(context: CheckContext) -> str:
    """What is past its time is gone."""
    registry = context.directory.registry
    if registry is None:
        raise SkippedError("no registry")
    if context.run is None and context.settings.clickhouse.dsn is None:
        raise SkippedError("no stack runs here")
    oldest = _rows(context, _OLDEST)[0]
    retired = {str(row["scope"]): int(row["until_ms"]) for row in _rows(context, _RETIRED)}
    kept = _kept(registry, context.settings, retired)
    _warn_of_overdue(kept)
    days = context.settings.clickhouse
    parts = [
        f"events {retention_ms(registry, context.settings) // DAY_MS} days after their trial{_since(oldest['events'])}",
        f"rejects {days.reject_retention_days} days{_since(oldest['rejects'])}",
        f"records {days.record_retention_days} days",
        _next(kept),
    ]
    return "; ".join(parts)


def _kept(registry: Registry, settings: Settings, retired: Mapping[str, int]) -> dict[str, int]:
    """Return until when each trial is kept that is; one that was opened again after its retirement is."""
    return {
        trial.id: kept_until_ms(trial, registry, settings)
        for trial in registry.trials
        if retired.get(trial.id, 0) < epoch_ms(trial.ends)
    }


def _warn_of_overdue(kept: Mapping[str, int]) -> None:
    now_ms = SystemClock().now_ms()
    late = [trial for trial, until_ms in kept.items() if until_ms + OVERDUE_DAYS * DAY_MS < now_ms]
    if late:
        raise WarnedError(
            f"past their retention and still there: {', '.join(late)}", "docs/runbooks/RetentionBehind.md"
        )


def _next(kept: Mapping[str, int]) -> str:
    if not kept:
        return "no trial is left to end"
    trial = min(kept, key=kept.__getitem__)
    return f"next: {trial} and its key on {_day(kept[trial])}"


def _since(oldest_ms: Any) -> str:
    return f" (oldest {_day(int(oldest_ms))})" if int(oldest_ms or 0) else ""


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()


def _rows(context: CheckContext, sql: str) -> list[dict[str, Any]]:
    # Half a second of imports, which who cannot come so far need not wait for.
    from avenue.client.store_access import RunningServer, store_of
    from runtime.clickhouse import ClickHouseError

    with store_of(context.settings) as store:
        if isinstance(store, RunningServer):
            answer = store.post("/internal/sql", sql.encode())
            if answer.is_error:
                raise BrokenError(f"the server answers {answer.status_code} to a question", "see logs/server.log")
            return [json.loads(line) for line in answer.text.splitlines()]
        try:
            found = store.reader().query(sql)
        except ClickHouseError as error:
            raise BrokenError(explain(context.settings.clickhouse, error), "mend what it says") from error
        return [dict(zip(found.column_names, row, strict=True)) for row in found.result_rows]
