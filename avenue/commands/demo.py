"""`avenue demo`: the main job, whole, on this machine."""

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = """
Example:

    avenue demo

On a terminal it stays up until Ctrl-C; otherwise it drains and ends. Exit 1 names the first broken hop.
"""


def demo(
    home: Annotated[Path | None, typer.Option(help="The home folder (default .avenue).", file_okay=False)] = None,
    events: Annotated[int, typer.Option(help="Events to push, natively and in batches.", min=100)] = 6000,
) -> None:
    """Run the whole road: Kafka, Faust, ClickHouse, the five platforms' traffic, a trial report."""
    from avenue.demo.run import run_demo
    from avenue.exit_codes import exit_codes
    from runtime.settings import load_settings

    with exit_codes():
        settings = load_settings(home=home)
        raise typer.Exit(run_demo(settings, events=events))


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(epilog=EXAMPLE)(demo)
