"""`avenue audit`: who read, took or changed what, and whether that log is whole."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avenue.client.settings import cluster_settings
from avenue.exit_codes import exit_codes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from registry.audit_check import AuditFindings
    from schemas.audit import AuditLine

Home = Annotated[Path | None, typer.Option(help="The home folder of the stack (default .avenue).", file_okay=False)]
DEFAULT_SINCE = "24h"
EXAMPLE = """
Example:

    avenue audit --since 7d --trial neuro-band-2026q4
    avenue audit --heads > heads-today.ndjson
    avenue audit --verify --against heads-today.ndjson

Keep the heads where nobody who may write to the cluster reaches them.
"""


def audit(  # noqa: PLR0913 - a command has its options as parameters
    *,
    since: Annotated[str | None, typer.Option(help=f"How far back: 7d, 30m, 2w (default {DEFAULT_SINCE}).")] = None,
    trial: Annotated[str, typer.Option(help="Of this trial only.")] = "",
    key: Annotated[str, typer.Option(help="Of this key or share link only, by its id.")] = "",
    verify: Annotated[
        bool, typer.Option("--verify", help="Verify the chains of all that is kept; exit 1 where one is broken.")
    ] = False,
    heads: Annotated[bool, typer.Option("--heads", help="Print each chain's last line, to be kept elsewhere.")] = False,
    against: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --verify: heads that were kept elsewhere.", dir_okay=False),
    ] = None,
    home: Home = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print NDJSON; with --verify one object. Heads are NDJSON anyway.")
    ] = False,
) -> None:
    """List reads, exports, replays and changes: when, who by key, what, with which outcome. The oldest first."""
    from runtime.errors import ConfigurationError

    with exit_codes():
        if verify and heads:
            raise ConfigurationError("--verify and --heads are two questions: ask one at a time")
        if (verify or heads) and (since is not None or trial or key):
            raise ConfigurationError("--verify and --heads look at all that is kept: no --since, --trial or --key")
        if against is not None and not verify:
            raise ConfigurationError("--against says what --verify compares with: give both")
    if verify or heads:
        _look_at_chains(home, against, heads=heads, as_json=as_json)
    else:
        _list(home, since or DEFAULT_SINCE, (trial, key), as_json=as_json)


def _list(home: Path | None, since: str, only: tuple[str, str], *, as_json: bool) -> None:
    from avenue.client.audit_lines import read_audit
    from registry.keys import parse_expiry

    now, (trial, key) = datetime.now(UTC), only
    with exit_codes():
        since_ms = round((now - (parse_expiry(since, now=now) - now)).timestamp() * 1000)
        lines = read_audit(cluster_settings(home), since_ms=since_ms)
    _print((line for line in lines if trial in {"", line.trial} and key in {"", line.key}), as_json=as_json)


def _look_at_chains(home: Path | None, against: Path | None, *, heads: bool, as_json: bool) -> None:
    from avenue.client.audit_lines import head_lines, read_heads, verify_audit

    with exit_codes():
        kept = None if against is None else read_heads(against)
        now_ms = round(datetime.now(UTC).timestamp() * 1000)
        found = verify_audit(cluster_settings(home), now_ms=now_ms, kept_heads=kept)
    if heads:
        print("\n".join(head_lines(found.heads)))
        return
    if as_json:
        said = asdict(found)
        del said["heads"]
        print(json.dumps({"holds": not found.breaks, **said}))
    else:
        print("\n".join(findings_said(found)))
    raise typer.Exit(1 if found.breaks else 0)


def findings_said(found: "AuditFindings") -> list[str]:
    """Return what a log came to: each break on a line, then the sum."""
    said = [_break_said(*(b.kind.value, b.process, b.number, b.offset, b.message)) for b in found.breaks]
    if found.breaks_beyond:
        said.append(f"{found.breaks_beyond} more breaks are not named")
    chains = len(found.heads)
    said.append(f"{found.lines} lines in {chains} chain{'' if chains == 1 else 's'}: {found.ended} ended, {found.open} "
                f"going on, {found.silent} ended without saying so")  # fmt: skip
    for count, what in (
        (found.unchained, "lines from before the chain, which nothing holds"),
        (found.from_middle, "chains verified from their first kept line: what was before it is past its retention"),
        (found.repeated, "lines written twice by their writer, to the same bytes"),
        (found.heads_gone, "heads of the file are past the topic's retention"),
    ):
        if count:
            said.append(f"{count} {what}")
    count = len(found.breaks) + found.breaks_beyond
    said.append(f"broken in {count} place{'' if count == 1 else 's'}" if count else "every chain holds")
    return said


def _break_said(kind: str, process: str, number: int, offset: int, message: str) -> str:
    where = f"{process} line {number}" if process else ""
    at = f"offset {offset}" if offset >= 0 else ""
    return f"! {kind}: {', '.join(part for part in (where, at) if part)}: {message}"


def _print(lines: "Iterable[AuditLine]", *, as_json: bool) -> None:
    import msgspec

    for line in lines:
        at = datetime.fromtimestamp(line.at_ms / 1000, UTC).isoformat(timespec="milliseconds")
        if as_json:
            print(json.dumps({"at": at, **msgspec.structs.asdict(line)}, ensure_ascii=False))
        else:
            ended = f"{line.sent_bytes} bytes{'' if line.whole else '  broken off'}"
            what = " ".join(part for part in (line.method, line.route, line.trial, line.share, line.subject) if part)
            print(f"{at}  {line.key or '-'}  {line.scope or '-'}  {what}  {line.status}  {ended}")


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(epilog=EXAMPLE)(audit)
