"""`avenue doctor`: names the first broken hop and the next step to take."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from avenue.doctor.runner import CheckResult, HopCheck

_MARKS = {"well": "ok", "warning": "look", "broken": "BROKEN", "skipped": "-", "unchecked": "?"}


def doctor(
    *,
    home: Annotated[Path | None, typer.Option(help="The home folder (default .avenue).", file_okay=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check each hop of the road; name the first broken one and the next step, and what else to look at.

    Ends with 1 where a hop is broken; a warning alone is no reason.
    """
    from avenue.doctor.runner import CheckContext, first_broken, run_checks
    from avenue.doctor.runner import as_json as to_json
    from runtime.logging import configure_logging
    from runtime.settings import LogSettings

    configure_logging(LogSettings(level="ERROR", format="text"), role="doctor")
    # What the clients meet is said in our own words, and nothing else stands between the lines.
    logging.getLogger().handlers[:] = [logging.NullHandler()]
    results = run_checks(CheckContext(home), hop_checks())
    if as_json:
        print(json.dumps(to_json(results), ensure_ascii=False))
    else:
        _print(results)
    raise typer.Exit(1 if first_broken(results) else 0)


def hop_checks() -> "list[HopCheck]":
    """Return the checks in the order of the road, each with the hops without which it cannot be made."""
    from avenue.doctor import infrastructure_checks, pipeline_checks, retention_checks
    from avenue.doctor.runner import HopCheck

    return [
        HopCheck("settings", infrastructure_checks.check_settings),
        HopCheck("home", infrastructure_checks.check_home, ("settings",)),
        HopCheck("disk", infrastructure_checks.check_disk, ("settings",)),
        HopCheck("java", infrastructure_checks.check_java, ("home",)),
        HopCheck("broker", infrastructure_checks.check_broker, ("home",)),
        HopCheck("topics", infrastructure_checks.check_topics, ("broker",)),
        HopCheck("registry", infrastructure_checks.check_registry, ("topics",)),
        HopCheck("hash keys", infrastructure_checks.check_hash_keys, ("registry",)),
        HopCheck("worker", pipeline_checks.check_worker, ("home",)),
        HopCheck("worker group", pipeline_checks.check_worker_group, ("registry", "worker")),
        HopCheck("server", pipeline_checks.check_server, ("home",)),
        HopCheck("gateway", pipeline_checks.check_gateway, ("home",)),
        HopCheck("sink", pipeline_checks.check_sink, ("topics",)),
        HopCheck("clickhouse", pipeline_checks.check_clickhouse, ("home",)),
        HopCheck("settlement", pipeline_checks.check_settlement, ("home",)),
        HopCheck("retention", retention_checks.check_retention, ("registry", "clickhouse")),
        HopCheck("pages", pipeline_checks.check_pages, ("home",)),
        HopCheck("secrets", pipeline_checks.check_secrets, ("home",)),
        # Last: what it waits for is one of the above.
        HopCheck("start", infrastructure_checks.check_start, ("home",)),
    ]


def _print(results: "list[CheckResult]") -> None:
    from avenue.doctor.runner import first_broken, warnings

    for result in results:
        print(f"{_MARKS[result.state]:7}{result.hop:13}{result.detail}".rstrip())
    for warning in warnings(results):
        print(f"\nto look at: {warning.hop}. Next step: {warning.next_step}")
    if broken := first_broken(results):
        print(f"\nfirst broken: {broken.hop}. Next step: {broken.next_step}")


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(epilog="\nExample:\n\n    avenue doctor --json")(doctor)
