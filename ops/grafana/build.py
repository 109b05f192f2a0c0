"""Write the dashboard "The road": `python ops/grafana/build.py`; `--check` compares. Left to right as an event goes."""
# ruff: noqa: INP001 - a script beside its product, in no package

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent / "dashboards" / "road.json"
WIDTH = 24
SINK = 'group="avenue-clickhouse-sink"'
WORKER = 'group="avenue-metrics-worker"'
LOG = 'topic="pilot-events.v1"'
ANSWERED, TAKEN, STORED = "avenue_gateway_requests_total", "avenue_worker_records_total", "avenue_sink_rows_total"
BAD = ("short", (1.0, 10.0))
STATES = {"0": ("moves", "green"), "1": ("STANDS STILL", "red")}


@dataclass(frozen=True)
class Query:
    """One line of a panel."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """A panel; *steps* are thresholds: from which value on it is yellow, and red."""

    title: str
    queries: tuple[Query, ...]
    panel_type: str = "timeseries"
    unit: str = "short"
    steps: tuple[float, float] | None = None
    says: str = ""


@dataclass(frozen=True)
class Row:
    """Panels side by side, as wide as each other."""

    title: str
    panels: tuple[Panel, ...]
    height: int = 8


def _one(title: str, expr: str, legend: str = "", **more: Any) -> Panel:
    return Panel(title, (Query(expr, legend),), **more)


def _state(title: str, expr: str, says: str) -> Panel:
    return _one(title, expr, panel_type="state", says=says)


def _errors(counter: str, work: str) -> str:
    """Return how often *counter* rose: 0 where it never did, only as long as the hop says that it works."""
    return f"sum(increase({counter}[5m])) or 0 * sum(increase({work}[5m]))"


def _number(title: str, expr: str, unit: str, steps: tuple[float, float] | None = None) -> Panel:
    return _one(title, expr, panel_type="stat", unit=unit, steps=steps)


SUMS = Row(
    "Is every event in the numbers exactly once, and how old are they?",
    (
        _number(
            "Sums that do not close", "sum((max by (sum) (avenue_conservation_gap_lines)) > bool 0)", "short", (1, 1)
        ),
        _number("Cells that differ from their events", "max(avenue_reconcile_difference)", "short", (1, 1)),
        _number("Blocks that wait for settlement", "max(avenue_settle_pending_blocks)", "short", (500, 2000)),
        _number("Push to reader, p95", "avenue:end_to_end_seconds:p95_5m", "s", (1, 2.5)),
        _number("Push to reader, longest of the minute", "max(avenue_end_to_end_max_seconds)", "s", (2.5, 15)),
    ),
    height=4,
)
ROAD = Row(
    "The road: gateway → Kafka → worker → Kafka → sink → ClickHouse",
    (
        _state(
            "Gateway",
            "(avenue:gateway_unavailable_share:ratio5m or vector(0)) > bool 0.01",
            "1 % of requests turned away",
        ),
        _state(
            "Kafka: pilot-events",
            "(sum(rate(avenue_gateway_publish_errors_total[2m])) or vector(0)) > bool 0",
            "records that are not acknowledged",
        ),
        _state(
            "Worker", "max(avenue_worker_progress_age_seconds) > bool 20", "records wait for 20 s, none is taken in"
        ),
        _state(
            "Kafka: product-metrics",
            "(sum(rate(avenue_worker_records_total[2m])) > bool 0)"
            " * (sum(rate(avenue_worker_rows_total[2m])) == bool 0)",
            "records are taken in, no row goes out",
        ),
        _state(
            "Sink",
            f"(sum(avenue_consumer_lag_records{{{SINK}}}) > bool 0)"
            " * (sum(rate(avenue_sink_rows_total[2m])) == bool 0)",
            "rows wait and none is stored",
        ),
        _state(
            "ClickHouse",
            "(sum(rate(avenue_sink_retries_total[2m])) or vector(0)) > bool 0.05",
            "inserts are tried again and again",
        ),
    ),
    height=4,
)
PACE = Row(
    "What passes each hop in a second, and what waits before it",
    (
        _number("Events answered", "sum(rate(avenue_gateway_events_total[1m]))", "eps"),
        _number("Records published", f"sum(rate(avenue_gateway_records_total{{{LOG}}}[1m]))", "cps"),
        _number("Wait for the worker", f"sum(avenue_consumer_lag_records{{{WORKER}}})", "short", (500, 1000)),
        _number("Cell rows sent", "sum(rate(avenue_worker_rows_total[1m]))", "cps"),
        _number(
            "Wait for the sink",
            f"sum(max by (topic, partition) (avenue_consumer_lag_records{{{SINK}}}))",
            "short",
            (500, 1000),
        ),
        _number("Rows stored", "sum(rate(avenue_sink_rows_total[1m]))", "cps"),
    ),
    height=4,
)
WAITS = Row(
    "What went wrong at each hop in five minutes, and how long the worker's records wait",
    (
        _number("Requests turned away (5xx)", _errors('avenue_gateway_requests_total{status=~"5.."}', ANSWERED), *BAD),
        _number("Publishes that failed", _errors("avenue_gateway_publish_errors_total", ANSWERED), *BAD),
        _number("Waits for the worker", "max(avenue_worker_progress_age_seconds)", "s", (8, 20)),
        _number(
            "Lines it could not decode",
            _errors('avenue_worker_events_total{outcome="rejected"}', TAKEN),
            "short",
            (1, 10),
        ),
        _number("Rows the sink refused", _errors("avenue_sink_rejects_total", STORED), "short", (1, 10)),
        _number("Inserts tried again", _errors("avenue_sink_retries_total", STORED), "short", (1, 15)),
    ),
    height=4,
)
TRUTH = Row(
    "The sums and the settled cells over time",
    (
        _one(
            "Conservation: lines by which a sum does not close",
            "max by (sum) (avenue_conservation_gap_lines)",
            "{{sum}}",
            steps=(1, 1),
            says="0 is right, always. Runbook: ConservationGap.",
        ),
        _one(
            "Reconcile: live cells that differ from their events",
            "max(avenue_reconcile_difference)",
            "unexplained, standing",
            steps=(1, 1),
            says="0 is right, always. Runbook: ReconcileDifference.",
        ),
        Panel(
            "Settlement",
            (
                Query("max(avenue_settle_pending_blocks)", "blocks that wait"),
                Query("sum by (cause) (rate(avenue_settle_blocks_total[5m])) * 60", "settled a minute: {{cause}}"),
                Query("sum by (explanation) (increase(avenue_settle_differences_total[1h]))", "found: {{explanation}}"),
            ),
        ),
    ),
)
FRESHNESS = Row(
    "How old are the numbers?",
    (
        Panel(
            "Push to reader",
            (
                Query("avenue:end_to_end_seconds:p50_5m", "p50"),
                Query("avenue:end_to_end_seconds:p95_5m", "p95"),
                Query("max(avenue_end_to_end_max_seconds)", "longest of the last minute"),
            ),
            unit="s",
        ),
        Panel(
            "Share beyond 2.5 s; 1 % may be",
            (
                Query("avenue:slow_share:ratio5m", "5 min"),
                Query("avenue:slow_share:ratio1h", "1 h"),
                Query("avenue:slow_share:ratio6h", "6 h"),
            ),
            unit="percentunit",
            steps=(0.01, 0.06),
        ),
        _one(
            "Age of each source's watermark",
            "time() - max by (partition) (avenue_worker_watermark_seconds)",
            "partition {{partition}}",
            unit="s",
            says="Grows where nothing comes in; together with lag it means that the worker is behind.",
        ),
    ),
)
PARTNERS = Row(
    "What partners see",
    (
        _one(
            "Events by account",
            "sum by (account) (rate(avenue_gateway_events_total[5m]))",
            "{{account}}",
            unit="eps",
            says="By product: the operator's page, /ops.",
        ),
        _one("Events by outcome", "outcome:avenue_gateway_events:rate5m", "{{outcome}}", unit="eps"),
        _one(
            "Rejected share by account",
            "account:avenue_gateway_reject_share:ratio15m",
            "{{account}}",
            unit="percentunit",
            steps=(0.02, 0.05),
        ),
        _one(
            "Rejected by reason",
            'sum by (reason) (rate(avenue_gateway_events_total{outcome="rejected"}[5m]))',
            "{{reason}}",
            unit="eps",
        ),
        Panel(
            "Requests by status, and what accounts' own bounds turn away",
            (
                Query("sum by (status) (rate(avenue_gateway_requests_total[5m]))", "{{status}}"),
                Query("sum by (account, cause) (rate(avenue_gateway_turned_away_total[5m]))", "{{account}}: {{cause}}"),
            ),
            unit="reqps",
        ),
        _one(
            "Time to answer, p95",
            "histogram_quantile(0.95, sum by (le, flow) (rate(avenue_gateway_request_seconds_bucket[5m])))",
            "{{flow}}",
            unit="s",
            steps=(1, 1.5),
        ),
    ),
)
GATEWAY = Row(
    "Gateway",
    (
        _one("Bytes being published", "avenue_gateway_inflight_bytes", "{{instance}}", unit="bytes"),
        _one("Event ids remembered", "avenue_gateway_duplicate_window_ids", "{{instance}}"),
        _one(
            "Publishes that failed",
            "sum by (topic, cause) (rate(avenue_gateway_publish_errors_total[5m]))",
            "{{topic}} {{cause}}",
            unit="cps",
        ),
    ),
)
WORKERS = Row(
    "Workers",
    (
        _one(
            "Lines by what was made of them", "sum by (outcome) (rate(avenue_worker_events_total[5m]))", "{{outcome}}"
        ),
        _one(
            "Records that wait",
            f"sum by (partition) (avenue_consumer_lag_records{{{WORKER}}})",
            "partition {{partition}}",
        ),
        Panel(
            "Held in memory",
            (Query("avenue_worker_ids", "ids {{instance}}"), Query("avenue_worker_cells_open", "cells {{instance}}")),
        ),
        Panel(
            "Rebuilds from the log",
            (
                Query("sum by (cause) (increase(avenue_worker_rebuilds_total[15m]))", "{{cause}}, in 15 min"),
                Query(
                    "histogram_quantile(0.95, sum by (le) (rate(avenue_worker_rebuild_seconds_bucket[15m])))",
                    "p95, seconds",
                ),
            ),
        ),
    ),
)
STORE = Row(
    "Sink and ClickHouse",
    (
        _one("Rows stored", "sum by (table) (rate(avenue_sink_rows_total[5m]))", "{{table}}", unit="cps"),
        _one(
            "One insert, p95",
            "histogram_quantile(0.95, sum by (le, table) (rate(avenue_sink_insert_seconds_bucket[5m])))",
            "{{table}}",
            unit="s",
        ),
        _one(
            "Rows that wait",
            f"sum by (topic) (max by (topic, partition) (avenue_consumer_lag_records{{{SINK}}}))",
            "{{topic}}",
        ),
        Panel(
            "Refused and tried again",
            (
                Query("sum by (table) (rate(avenue_sink_retries_total[5m])) * 60", "again a minute: {{table}}"),
                Query("sum by (topic) (increase(avenue_sink_rejects_total[15m]))", "refused in 15 min: {{topic}}"),
            ),
        ),
        _one(
            "One settlement run, p95",
            "histogram_quantile(0.95, sum by (le) (rate(avenue_settle_run_seconds_bucket[15m])))",
            unit="s",
        ),
        _one(
            "Rejects replayed in an hour",
            "sum by (outcome) (increase(avenue_gateway_replays_total[1h]))",
            "{{outcome}}",
        ),
        _one("Events past their retention", "max(avenue_sink_retention_overdue_seconds)", unit="s"),
        Panel(
            "Hash keys at their end",
            (
                Query("max(avenue_gateway_hash_keys_overdue)", "past their time and readable"),
                Query("sum(increase(avenue_gateway_hash_keys_destroyed_total[1d]))", "destroyed in a day"),
            ),
        ),
    ),
)
ROLES = Row(
    "Processes",
    (
        _one("Ready", "min by (job, instance, dependency) (avenue_role_ready)", "{{job}} {{instance}}: {{dependency}}"),
        _one("Registry in force", "avenue_registry_version", "{{job}} {{instance}}"),
        _one("Reads", "sum by (status) (rate(avenue_reports_requests_total[5m]))", "{{status}}", unit="reqps"),
        _one(
            "Time to read, p95",
            "histogram_quantile(0.95, sum by (le, route) (rate(avenue_reports_request_seconds_bucket[5m])))",
            "{{route}}",
            unit="s",
        ),
        _one(
            "Unreadable registry records",
            "sum by (topic) (increase(avenue_registry_bad_records_total[1h]))",
            "{{topic}}",
        ),
        _one(
            "Messages to channels",
            "sum by (platform, outcome) (increase(avenue_reports_notifications_total[1h]))",
            "{{platform}}: {{outcome}}",
        ),
        _one(
            "Audit lines lost in an hour",
            "sum by (instance) (increase(avenue_reports_audit_lost_total[1h]))",
            "{{instance}}",
        ),
    ),
)
ROWS = (SUMS, ROAD, PACE, WAITS, TRUTH, FRESHNESS, PARTNERS, GATEWAY, WORKERS, STORE, ROLES)


def dashboard() -> dict[str, Any]:
    """Return the dashboard as Grafana reads it."""
    return {
        "uid": "avenue-road",
        "title": "The road",
        "tags": ["avenue"],
        "timezone": "Asia/Shanghai",
        "schemaVersion": 39,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "15s",
        "time": {"from": "now-1h", "to": "now"},
        "panels": list(_panels()),
    }


def _panels() -> Iterator[dict[str, Any]]:
    number, top = 1, 0
    for row in ROWS:
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "panels": [],
            "gridPos": {"x": 0, "y": top, "w": WIDTH, "h": 1},
        }
        width = WIDTH // len(row.panels)
        for place, panel in enumerate(row.panels):
            number += 1
            yield _panel(panel, number, {"x": place * width, "y": top + 1, "w": width, "h": row.height})
        number += 1
        top += 1 + row.height


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "prometheus"}
    targets = [
        {"refId": chr(ord("A") + index), "expr": query.expr, "legendFormat": query.legend, "datasource": source}
        for index, query in enumerate(panel.queries)
    ]
    return {
        "id": number,
        "type": "timeseries" if panel.panel_type == "timeseries" else "stat",
        "title": panel.title,
        "description": panel.says,
        "datasource": source,
        "gridPos": place,
        "targets": targets,
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _options(panel),
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.panel_type == "state":
        options = {value: {"text": text, "color": colour} for value, (text, colour) in STATES.items()}
        # No answer at all is no good sign either.
        nothing = {
            "type": "special",
            "options": {"match": "null+nan", "result": {"text": "no word", "color": "orange"}},
        }
        return {"mappings": [{"type": "value", "options": options}, nothing], "noValue": "no word"}
    if panel.steps is not None:
        yellow, red = panel.steps
        steps = [("green", None), *([("yellow", yellow)] if yellow < red else []), ("red", red)]
        defaults["thresholds"] = {"mode": "absolute", "steps": [{"color": c, "value": v} for c, v in steps]}
        if panel.panel_type == "timeseries":
            defaults["custom"] = {"thresholdsStyle": {"mode": "line"}}
    return defaults


def _options(panel: Panel) -> dict[str, Any]:
    if panel.panel_type == "timeseries":
        return {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}
    shown = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    colour = "background" if panel.panel_type == "state" or panel.steps else "value"
    graph = "none" if panel.panel_type == "state" else "area"
    return {"reduceOptions": shown, "colorMode": colour, "graphMode": graph, "textMode": "value"}


def text() -> str:
    """Return the file's text."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file, or tell whether it is out of date."""
    parser = argparse.ArgumentParser(description=__doc__, epilog="example: python ops/grafana/build.py --check")
    parser.add_argument("--check", action="store_true", help="write nothing; end with 1 where the file is out of date")
    if parser.parse_args(arguments).check:
        return int(not TARGET.exists() or TARGET.read_text() != text())
    TARGET.write_text(text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
