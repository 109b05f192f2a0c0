"""`avenue rejects`: what was not accepted, why, and another chance for it."""

import json
import sys
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avenue.exit_codes import exit_codes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from avenue.client.replay import ReplayRun
    from avenue.client.store_access import RunningServer
    from runtime.clickhouse import ClickHouse

LIST_EXAMPLE = """
Example:

    avenue rejects list --account douyin-main --reason unknown_placement
"""
REPLAY_EXAMPLE = """
Example:

    avenue rejects replay --reason unknown_placement --dry-run

Exit 0: each became an event, or was one already; 1: some did not; 2: used wrongly. Once more does no harm.
"""

# Rows kept for --json; more are counted only, so that a run of any length fits in memory.
MAX_LISTED = 10_000

Account = Annotated[str, typer.Option(help="Only of this account.")]
Reason = Annotated[str, typer.Option(help="Only for this reason.")]
Json = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    group = typer.Typer(help="Kept rejects.", no_args_is_help=True, rich_markup_mode=None)
    group.command(name="list", epilog=LIST_EXAMPLE)(list_kept)
    group.command(name="show", epilog="\nExample:\n\n    avenue rejects show 4f1c0a9e2b7d4f1c0a9e2b7d4f1c0a9e")(show)
    group.command(name="replay", epilog=REPLAY_EXAMPLE)(replay)
    app.add_typer(group, name="rejects")


def list_kept(
    *,
    account: Account = "",
    reason: Reason = "",
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=1000)] = 100,
    as_json: Json = False,
) -> None:
    """List kept rejects, newest first."""
    from avenue.client.rejects import check_account, check_reason, kept_rejects

    with exit_codes():
        check_reason(reason)
    with _store() as store:
        check_account(store, account)
        rows = kept_rejects(store, account=account, reason=reason, limit=limit)
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        how = "replayed" if row["replayed_at"] else "corrected"
        replayed = f"  ({how} {row['closed_at']} by {row['closed_by']})" if row["closed_at"] else ""
        print(f"{row['reject_id']}  {row['received_at']}  {row['account_id']}/{row['flow']}  {row['reason']}  "
              f"{row['field']}  {row['message']}{replayed}")  # fmt: skip
    more = "; the newest only, --limit shows more" if len(rows) == limit else ""
    print(f"{len(rows)} rejects{more}")


def show(
    reject_id: Annotated[str, typer.Argument(metavar="ID", help="As `avenue rejects list` shows it.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on one line.")] = False,
) -> None:
    """Show one reject with what was kept of it, as JSON."""
    from avenue.client.rejects import kept_reject

    with _store() as store:
        found = kept_reject(store, reject_id)
    print(json.dumps(found, ensure_ascii=False, indent=None if as_json else 2))


def replay(  # noqa: PLR0913 - the options of a command are its parameters
    *,
    account: Account = "",
    reason: Reason = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would become of each; change nothing.")] = False,
    limit: Annotated[int, typer.Option(help="Publish at most so many.", min=1, max=1_000_000)] = 10_000,
    url: Annotated[str, typer.Option(help="The gateway's address (default: the running stack's).")] = "",
    key: Annotated[str, typer.Option(help="A key of scope operator, for --url.", envvar="AVENUE_KEY")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
) -> None:
    """Judge kept rejects once more, by today's registry and the clock of their first receipt, oldest first."""
    from avenue.client.rejects import check_account, check_reason
    from avenue.client.replay import ReplayRun, check_url, gateway_of
    from avenue.serve.operations import OpenRejects

    with exit_codes():
        check_reason(reason)
        check_url(url)
    with _store() as store:
        gateway = gateway_of(store, url, key)
        check_account(store, account)
        asked = OpenRejects(account=account, reason=reason, limit=limit)
        replaying = ReplayRun(store, gateway, asked, dry_run=dry_run)
        counts, rows = _run(replaying, quiet=as_json, dry_run=dry_run)
    if as_json:
        answer = {"dry_run": dry_run, "counts": dict(counts), "more": replaying.more, "results": rows}
        print(json.dumps(answer, ensure_ascii=False))
    else:
        print(summary(counts, dry_run=dry_run))
        if replaying.more:
            print(f"more are kept: {limit} are the limit of one run, --limit raises it", file=sys.stderr)
    raise typer.Exit(1 if counts["rejected"] or counts["not_replayable"] else 0)


def _run(replaying: "ReplayRun", *, quiet: bool, dry_run: bool) -> tuple[Counter[str], list[dict[str, Any]]]:
    """Return the counts by outcome and, where it is *quiet*, what became of each (at most `MAX_LISTED`).

    Else it is said as it becomes known, and on a terminal how many so far.
    """
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed:.0f} judged"))
    console = Console(stderr=True)
    counts: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    with Progress(
        *columns, console=console, disable=quiet or not console.is_terminal, redirect_stdout=sys.stdout.isatty()
    ) as bar:
        task = bar.add_task("judged", total=None)
        for page in replaying.pages():
            bar.advance(task, len(page))
            counts.update(row["outcome"] for row in page)
            if quiet:
                rows += page[: MAX_LISTED - len(rows)]
                continue
            for row in page:
                print(outcome_line(row, dry_run=dry_run))
    return counts, rows


_WORDS = {
    "accepted": ("accepted", "would be accepted"),
    "duplicate": ("duplicate: accepted before", "would be a duplicate: accepted before"),
    "rejected": ("rejected again", "would be rejected again"),
    "not_replayable": ("cannot be replayed", "cannot be replayed"),
}


def outcome_line(row: dict[str, Any], *, dry_run: bool) -> str:
    """Return what became of one reject, or would, for people."""
    word = _WORDS[row["outcome"]][dry_run]
    reason = f" {row['reason']}" if row["reason"] else ""
    field = f" ({row['field']})" if row["field"] else ""
    message = f": {row['message']}" if row["message"] else ""
    place = f"{row['reject_id']}  {row['account_id']}/{row['flow']}  {row['first_reason']}"
    return f"{place}  {word}{reason}{field}{message}"


def summary(counts: Counter[str], *, dry_run: bool) -> str:
    """Return what became of all of them."""
    if not counts:
        return "no kept reject waits for a replay"
    counted = ", ".join(f"{counts[name]} {words[dry_run].partition(':')[0]}" for name, words in _WORDS.items())
    return f"{counted}{'; nothing was changed' if dry_run else ''}"


@contextmanager
def _store() -> "Iterator[RunningServer | ClickHouse]":
    from avenue.client.store_access import store_of
    from runtime.settings import load_settings

    with exit_codes(), store_of(load_settings()) as store:
        yield store
