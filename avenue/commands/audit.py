"""`avenue audit`: who read or took what."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avenue.client.settings import cluster_settings
from avenue.exit_codes import exit_codes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from schemas.audit import AuditLine

Home = Annotated[Path | None, typer.Option(help="The home folder of the stack (default .avenue).", file_okay=False)]


def audit(  # noqa: PLR0913 - a command has its options as parameters
    *,
    since: Annotated[str, typer.Option(help="How far back: 24h, 7d, 30m, 2w.")] = "24h",
    trial: Annotated[str, typer.Option(help="Of this trial only.")] = "",
    key: Annotated[str, typer.Option(help="Of this key or share link only, by its id.")] = "",
    verify: Annotated[
        bool, typer.Option("--verify", help="Look whether lines are missing; exit 1 where any is.")
    ] = False,
    home: Home = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print NDJSON.")] = False,
) -> None:
    """List the reads and exports: when, which key, which route and trial, with which outcome. The oldest first."""
    from avenue.client.audit_lines import missing_lines, read_audit
    from registry.keys import parse_expiry

    now = datetime.now(UTC)
    with exit_codes():
        since_ms = round((now - (parse_expiry(since, now=now) - now)).timestamp() * 1000)
        lines = read_audit(cluster_settings(home), since_ms=since_ms)
    _print((line for line in lines if trial in {"", line.trial} and key in {"", line.key}), as_json=as_json)
    if verify:
        missing = missing_lines(lines)
        print(f"{len(lines)} lines, {missing} missing") if not as_json else None
        raise typer.Exit(1 if missing else 0)


def _print(lines: "Iterable[AuditLine]", *, as_json: bool) -> None:
    import msgspec

    for line in lines:
        at = datetime.fromtimestamp(line.at_ms / 1000, UTC).isoformat(timespec="milliseconds")
        if as_json:
            print(json.dumps({"at": at, **msgspec.structs.asdict(line)}, ensure_ascii=False))
        else:
            ended = "" if line.whole else "  broken off"
            what = f"{line.method} {line.route}  {line.trial}{line.share}"
            print(f"{at}  {line.key}  {line.scope}  {what}  {line.status}  {line.sent_bytes} bytes{ended}")


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(epilog="\nExample:\n\n    avenue audit --since 7d --trial neuro-band-2026q4")(audit)
