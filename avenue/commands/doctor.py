"""`avenue doctor`: names the first broken hop and the next step to take."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from avenue.doctor.examine import Check, Finding

_MARKS = {"well": "ok", "broken": "BROKEN", "skipped": "-", "unchecked": "?"}


def doctor(
    *,
    home: Annotated[Path | None, typer.Option(help="The home folder (default .avenue).", file_okay=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check each hop of the road in order; name the first broken one and the next step."""
    from avenue.doctor.examine import Patient, examine, first_broken
    from avenue.doctor.examine import as_json as to_json
    from runtime.logging import configure_logging
    from runtime.settings import LogSettings

    configure_logging(LogSettings(level="ERROR", format="text"), role="doctor")
    findings = examine(Patient(home), road())
    if as_json:
        print(json.dumps(to_json(findings), ensure_ascii=False))
    else:
        _print(findings)
    raise typer.Exit(1 if first_broken(findings) else 0)


def road() -> "list[tuple[str, Check]]":
    """Return the checks in the order of the road."""
    from avenue.doctor import flow, ground

    return [
        ("settings", ground.check_settings),
        ("home", ground.check_home),
        ("disk", ground.check_disk),
        ("java", ground.check_java),
        ("broker", ground.check_broker),
        ("topics", ground.check_topics),
        ("registry", ground.check_registry),
        ("hash keys", ground.check_hash_keys),
        ("worker", flow.check_worker),
        ("server", flow.check_server),
        ("gateway", flow.check_gateway),
        ("sink", flow.check_sink),
        ("clickhouse", flow.check_clickhouse),
        ("settlement", flow.check_settlement),
        ("pages", flow.check_pages),
        ("secrets", flow.check_secrets),
    ]


def _print(findings: "list[Finding]") -> None:
    from avenue.doctor.examine import first_broken

    for finding in findings:
        print(f"{_MARKS[finding.state]:7}{finding.hop:12}{finding.detail}".rstrip())
    if broken := first_broken(findings):
        print(f"\nfirst broken: {broken.hop}. Next step: {broken.next_step}")


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(epilog="\nExample:\n\n    avenue doctor --json")(doctor)
