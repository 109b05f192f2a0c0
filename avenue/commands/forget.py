"""`avenue forget`: a subject is taken out of all that is stored."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avenue.client.settings import cluster_settings
from avenue.exit_codes import exit_codes

if TYPE_CHECKING:
    from sinks.retention.forget import ForgetState

STANDARD_INPUT = "-"
EXAMPLE = """
Example:

    avenue forget --account douyin-main --subject - < subject.txt

Ask again to see how far it is.
"""


def forget(
    *,
    account: Annotated[str, typer.Option(metavar="ID", help="The account that sends the subject.")],
    subject: Annotated[str, typer.Option(help="The subject as the account sends it; - reads it from standard input.")],
    home: Annotated[
        Path | None, typer.Option(help="The home folder of the stack (default .avenue).", file_okay=False)
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print an object; times are null where it is not done.")
    ] = False,
) -> None:
    """Take a subject out of events, sketches, rejects and reports' extracts; what it did still counts.

    The sink does it within seconds; sketches follow as their blocks and days are settled anew, topics as they end.
    """
    with exit_codes():
        from avenue.client.forget import forget_subject

        text = sys.stdin.readline().rstrip("\r\n") if subject == STANDARD_INPUT else subject
        found = forget_subject(cluster_settings(home), account, text)
    times = {
        "asked_at": _moment(found.asked_ms),
        "events_at": _moment(found.events_ms),
        "sketches_at": _moment(found.sketches_ms),
        "topics_until": _moment(found.topics_until_ms),
    }
    print(json.dumps({"account": account, **times}) if as_json else "\n".join(_said(account, found)))


def _said(account: str, found: "ForgetState") -> list[str]:
    """Return each place with its state or deadline."""
    until = _moment(found.topics_until_ms)
    return [
        f"a subject of {account}, asked at {_moment(found.asked_ms)}",
        f"events, rejects, extracts  {_moment(found.events_ms) or 'within a minute'}",
        f"sketches                   {_moment(found.sketches_ms) or 'as their blocks and days are settled anew'}",
        f"topics                     by {until}; what is read from them again is stored without it",
    ]


def _moment(at_ms: int) -> str | None:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds") if at_ms else None


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(epilog=EXAMPLE)(forget)
