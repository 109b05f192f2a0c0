"""`avenue topics list`: what is on the topics."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avenue.cluster import cluster_settings, exit_codes

if TYPE_CHECKING:
    from avenue.topic_state import TopicState

group = typer.Typer(name="topics", help="The topics of the road.", no_args_is_help=True)

Home = Annotated[Path | None, typer.Option(help="The home folder of the stack (default .avenue).", file_okay=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

DAY_S = 86_400


@group.command(name="list", epilog="Example:\n\n    avenue topics list --json")
def list_topics(*, home: Home = None, as_json: AsJson = False) -> None:
    """List the topics: partitions, records, size, retention, and the epoch that is being counted."""
    from avenue.topic_state import read_topics

    with exit_codes():
        states = read_topics(cluster_settings(home))
    if as_json:
        print(json.dumps([state.as_json() for state in states]))
        return
    print(f"{'topic':22}{'partitions':>11}{'records':>12}{'size':>12}  {'kept':12}epoch")
    for state in states:
        print(_line(state))


def _line(state: "TopicState") -> str:
    kept = "compacted" if state.retention_s is None else f"{state.retention_s // DAY_S} days"
    epoch = "" if state.epoch is None else str(state.epoch)
    size = f"{state.bytes / 1_048_576:.1f} MiB"
    return f"{state.topic:22}{state.partitions:>11}{state.records:>12,}{size:>12}  {kept:12}{epoch}".rstrip()


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.add_typer(group)
