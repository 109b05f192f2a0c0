"""`avenue doctor`: names the first broken hop and the next step to take."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from avenue.doctor.runner import Finding, Hop

_MARKS = {"well": "ok", "warning": "look", "broken": "BROKEN", "skipped": "-", "unchecked": "?"}


def doctor(
    *,
    home: Annotated[Path | None, typer.Option(help="The home folder (default .avenue).", file_okay=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check each hop of the road; name the first broken one and the next step, and what else to look at.

    Ends with 1 where a hop is broken; a warning alone is no reason.
    """
    from avenue.doctor.runner import Patient, examine, first_broken
    from avenue.doctor.runner import as_json as to_json
    from runtime.logging import configure_logging
    from runtime.settings import LogSettings

    configure_logging(LogSettings(level="ERROR", format="text"), role="doctor")
    # What the clients meet is said in our own words, and nothing else stands between the lines.
    logging.getLogger().handlers[:] = [logging.NullHandler()]
    findings = examine(Patient(home), road())
    if as_json:
        print(json.dumps(to_json(findings), ensure_ascii=False))
    else:
        _print(findings)
    raise typer.Exit(1 if first_broken(findings) else 0)


def road() -> "list[Hop]":
    """Return the checks in the order of the road, each with the hops without which it cannot be made."""
    from avenue.doctor import infrastructure_checks, pipeline_checks, retention_checks
    from avenue.doctor.runner import Hop

    return [
        Hop("settings", infrastructure_checks.check_settings),
        Hop("home", infrastructure_checks.check_home, ("settings",)),
        Hop("disk", infrastructure_checks.check_disk, ("settings",)),
        Hop("java", infrastructure_checks.check_java, ("home",)),
        Hop("broker", infrastructure_checks.check_broker, ("home",)),
        Hop("topics", infrastructure_checks.check_topics, ("broker",)),
        Hop("registry", infrastructure_checks.check_registry, ("topics",)),
        Hop("hash keys", infrastructure_checks.check_hash_keys, ("registry",)),
        Hop("worker", pipeline_checks.check_worker, ("home",)),
        Hop("worker group", pipeline_checks.check_worker_group, ("registry", "worker")),
        Hop("server", pipeline_checks.check_server, ("home",)),
        Hop("gateway", pipeline_checks.check_gateway, ("home",)),
        Hop("sink", pipeline_checks.check_sink, ("broker",)),
        Hop("clickhouse", pipeline_checks.check_clickhouse, ("home",)),
        Hop("settlement", pipeline_checks.check_settlement, ("home",)),
        Hop("retention", retention_checks.check_retention, ("registry", "clickhouse")),
        Hop("pages", pipeline_checks.check_pages, ("home",)),
        Hop("secrets", pipeline_checks.check_secrets, ("home",)),
        # Last: what it waits for is one of the above.
        Hop("start", infrastructure_checks.check_start, ("home",)),
    ]


def _print(findings: "list[Finding]") -> None:
    from avenue.doctor.runner import first_broken, warnings

    for finding in findings:
        print(f"{_MARKS[finding.state]:7}{finding.hop:13}{finding.detail}".rstrip())
    for warning in warnings(findings):
        print(f"\nto look at: {warning.hop}. Next step: {warning.next_step}")
    if broken := first_broken(findings):
        print(f"\nfirst broken: {broken.hop}. Next step: {broken.next_step}")


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(epilog="\nExample:\n\n    avenue doctor --json")(doctor)
