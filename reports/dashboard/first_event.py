"""What a trial waits for before anything has come: its places, and one event that would move its primary metric."""

from collections.abc import Mapping
from typing import Any

from registry.directory import Directory, PlacementSpan
from reports.dashboard.render import as_json
from reports.metrics import METRICS
from reports.presentation.formats import LocaleFormatter
from reports.presentation.language import Translator
from reports.presentation.names import arm_name, kind_name, placement_name, platform_name
from reports.queries.spans import iso
from schemas.registry import MetricId, Trial, epoch_ms

USED = {"outcome": "ok", "duration_ms": 60_000}
MOVING: Mapping[MetricId, Mapping[str, Any]] = {
    "events": {"kind": "interaction"},
    "subjects": {"kind": "interaction", "subject": "visitor-1"},
    "sessions": {"kind": "interaction", "session_id": "session-1"},
    "exposures": {"kind": "exposure"},
    "interactions": {"kind": "interaction"},
    "starts": {"kind": "use.started"},
    "completions": {"kind": "use.completed", **USED},
    "success_rate": {"kind": "use.completed", **USED},
    "failure_rate": {"kind": "use.completed", "outcome": "failed"},
    "abandon_rate": {"kind": "use.completed", "outcome": "abandoned"},
    "duration_mean": {"kind": "use.completed", **USED},
    "duration_p50": {"kind": "use.completed", **USED},
    "duration_p95": {"kind": "use.completed", **USED},
    "orders": {"kind": "order.paid", "amount_fen": 1990},
    "revenue_fen": {"kind": "order.paid", "amount_fen": 1990},
    "refund_rate": {"kind": "order.paid", "amount_fen": 1990},
    "trade_ins": {"kind": "trade_in.completed"},
    "rating_mean": {"kind": "rating.given", "rating": 5},
    "uptime": {"kind": "device.online"},
    "coverage": {"kind": "device.reported"},
}
"""Of each metric one event that gives it a value where it had none."""
KEY = "AVENUE_KEY"


def waiting_values(
    trial: Trial, directory: Directory, words: Translator, *, now_ms: int, base_url: str
) -> dict[str, Any]:
    """Return what is expected of *trial*, and the command that sends its first event, if it would be taken now."""
    placed = sorted((p for p in directory.placed.values() if p.trial_id == trial.id), key=lambda p: p.placement_id)
    there = next((p for p in placed if p.account_id and p.covers(now_ms)), None)
    running = epoch_ms(trial.starts) <= now_ms < epoch_ms(trial.ends)
    event = first_event(trial, there, now_ms) if there and running else None
    return {
        "metric": words.pick(METRICS[trial.primary_metric].name),
        "kind": kind_name(MOVING[trial.primary_metric]["kind"], words),
        "starts": LocaleFormatter(words).moment(epoch_ms(trial.starts)),
        "places": [_place(p, directory, words) for p in placed],
        "account": there.account_id if there else "",
        "place": placement_name(there.placement_id, directory, words) if there else "",
        "send": _command(event, base_url) if event else "",
    }


def first_event(trial: Trial, placed: PlacementSpan, now_ms: int) -> dict[str, Any]:
    """Return an event of *placed* that happens now and moves the primary metric of *trial*."""
    return {
        "event_id": f"first-{now_ms // 1000}",
        "occurred_at": iso(now_ms // 1000 * 1000),
        "placement_id": placed.placement_id,
        **MOVING[trial.primary_metric],
    }


def _command(event: Mapping[str, Any], base_url: str) -> str:
    return (
        f"curl -sS {base_url}/v1/events \\\n"
        f'  -H "Authorization: Bearer ${KEY}" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d '{as_json(event)}'"
    )


def _place(placed: PlacementSpan, directory: Directory, words: Translator) -> dict[str, str]:
    account = directory.accounts.get(placed.account_id)
    return {
        "name": placement_name(placed.placement_id, directory, words),
        "arm": arm_name(placed.arm, words),
        "platform": platform_name(account.platform if account else "", words),
        "account": placed.account_id,
        "keys": ", ".join(f"{name} = {value}" for name, value in sorted(placed.match.items())),
    }
