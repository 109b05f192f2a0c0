"""`avenue reconcile`: the conservation sums, and every metric against a recomputation from raw events."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

EXAMPLE = """
Example:

    avenue reconcile --trial neuro-band-2026q4

Waits up to a minute for what is in flight. Exits 1 where a sum does not close or a cell differs.
"""

WAIT_S = 60.0


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(epilog=EXAMPLE)(reconcile)


def reconcile(
    trial: Annotated[str, typer.Option(help="Compare the cells of this trial only.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,  # noqa: FBT002 - typer
) -> None:
    """Print every conservation sum by account and source, and the cells that differ from their events."""
    found = _ask(trial)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        for line in table(found):
            print(line)
    if not found["ok"]:
        raise typer.Exit(1)


def table(found: dict[str, Any]) -> list[str]:
    """Return the lines of a reconciliation for people."""
    lines: list[str] = []
    for name in dict.fromkeys(item["name"] for item in found["sums"]):
        items = [item for item in found["sums"] if item["name"] == name]
        lines.append(name)
        lines += [_sum_line(item) for item in items]
        if len(items) > 1:
            lines.append(_sum_line(_total(items)))
    lines += [_difference_line(item) for item in found["differences"]]
    lines += [f"OTHERWISE BY SETTLED BLOCKS {item['name']}\n{_sum_line(item)}" for item in found.get("otherwise", ())]
    lines.append(_verdict(found))
    return lines


def _sum_line(item: dict[str, Any]) -> str:
    place = f"{item['account'] or '(no account)'} {item['source']}".rstrip()
    sign = "=" if item["left"] == item["right"] else "≠"
    flight = f"  in flight {item['in_flight']}" if item["in_flight"] else ""
    state = "closed" if item["closed"] else "OPEN"
    return f"  {place:<32} {item['left']:>12} {sign} {item['right']:<12} {state}{flight}"


def _total(items: list[dict[str, Any]]) -> dict[str, Any]:
    sides = {side: sum(item[side] for item in items) for side in ("left", "right", "in_flight")}
    return {"account": "all", "source": "", **sides, "closed": all(item["closed"] for item in items)}


def _difference_line(item: dict[str, Any]) -> str:
    at = datetime.fromtimestamp(item["minute_s"], UTC).strftime("%Y-%m-%d %H:%M UTC")
    cell = "/".join(item[name] for name in ("product_id", "trial_id", "platform", "placement_id", "arm", "kind"))
    waiting = " (its block waits for settlement)" if item["waiting"] else ""
    events = f"{item['shown_events']} events, recomputed {item['expected_events']}"
    return f"DIFFERS {cell} {at} {item['layer']}: {events}{waiting}"


def _verdict(found: dict[str, Any]) -> str:
    opened = sum(not item["closed"] for item in found["sums"])
    late = "" if found["complete"] else "; something was still in flight"
    return f"{len(found['sums'])} sums, {opened} open; {len(found['differences'])} differences{late}"


def _ask(trial: str) -> dict[str, Any]:
    import msgspec

    from avenue.client.known_trials import refuse_unknown
    from avenue.client.store_access import RunningServer, error_detail, store_of
    from avenue.exit_codes import exit_codes
    from runtime.clickhouse import ClickHouseError
    from runtime.errors import PipelineError, first_line
    from runtime.settings import load_settings
    from sinks.reconciliation.reconcile import reconcile as run

    with exit_codes(), store_of(load_settings()) as store:
        if trial:
            refuse_unknown(store, trial)
        try:
            if isinstance(store, RunningServer):
                answer = store.get("/internal/reconcile", trial=trial, wait_s=str(WAIT_S))
                if answer.status_code != 200:
                    raise PipelineError(f"the server answered {answer.status_code}: {error_detail(answer)}")
                found: dict[str, Any] = answer.json()
            else:
                # On a server the sinks go on meanwhile; a folder that only we have open does not change.
                wait_s = 0.0 if store.embedded else WAIT_S
                found = msgspec.to_builtins(run(store, trial or None, wait_s))
        except ClickHouseError as error:
            raise PipelineError(f"the store cannot be read: {first_line(error)}") from error
    return found
