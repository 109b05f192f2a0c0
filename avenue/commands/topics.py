"""`avenue topics list|resize`: what is on the topics, and another number of partitions."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avenue.client.settings import cluster_settings, command_settings
from avenue.exit_codes import exit_codes

if TYPE_CHECKING:
    from avenue.client.topic_state import TopicState

group = typer.Typer(name="topics", help="The topics of the road.", no_args_is_help=True)

Home = Annotated[Path | None, typer.Option(help="The home folder of the stack (default .avenue).", file_okay=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

DAY_S = 86_400


@group.command(name="list", epilog="\nExample:\n\n    avenue topics list --json")
def list_topics(*, home: Home = None, as_json: AsJson = False) -> None:
    """List the topics: partitions, records, size, retention, and the epoch that is being counted."""
    from avenue.client.topic_state import read_topics

    with exit_codes():
        states = read_topics(cluster_settings(home))
    if as_json:
        print(json.dumps([state.as_json() for state in states]))
        return
    print(f"{'topic':22}{'partitions':>11}{'records':>12}{'size':>12}  {'kept':12}epoch")
    for state in states:
        print(_line(state))


@group.command(epilog="\nExample:\n\n    avenue topics resize 8\n\nStop `avenue up` (or all roles) first.")
def resize(
    partitions: Annotated[
        int, typer.Argument(metavar="PARTITIONS", help="Partitions of pilot-events.v1 from now on.", min=1, max=1024)
    ],
    *,
    home: Home = None,
    quiet: Annotated[float, typer.Option(help="Seconds in which nothing may be published.", min=0)] = 20.0,
    as_json: AsJson = False,
) -> None:
    """Begin a new epoch with another number of partitions, once nothing publishes and everything is read."""
    from avenue.client.resize import resize as begin
    from avenue.embedded.offline import offline_cluster
    from registry.audit_note import noted_change

    with (
        exit_codes(),
        offline_cluster(command_settings(home), say=_say) as settings,
        noted_change(settings, "topics resize", subject=f"{partitions} partitions") as change,
    ):
        epoch = begin(settings, partitions, quiet_s=quiet, say=_say)
        change.subject = f"epoch {epoch.number}"
    if as_json:
        print(epoch.model_dump_json())
    else:
        print(f"epoch {epoch.number} begins with {epoch.partitions} partitions")


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _line(state: "TopicState") -> str:
    kept = "compacted" if state.retention_s is None else f"{state.retention_s // DAY_S} days"
    epoch = "" if state.epoch is None else str(state.epoch)
    size = f"{state.bytes / 1_048_576:.1f} MiB"
    return f"{state.topic:22}{state.partitions:>11}{state.records:>12,}{size:>12}  {kept:12}{epoch}".rstrip()


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.add_typer(group)
