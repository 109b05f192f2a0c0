"""`avenue up`: the embedded stack in the foreground."""

import contextlib
import logging
from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = """
Example:

    avenue up --registry registry.toml

Prints one line `ready http://… ops http://…` when everything answers. Ctrl-C drains, a second one hurries.
"""


def up(
    registry: Annotated[Path | None, typer.Option(help="Apply this registry file first.", dir_okay=False)] = None,
    home: Annotated[Path | None, typer.Option(help="The home folder (default .avenue).", file_okay=False)] = None,
    port: Annotated[int | None, typer.Option(help="Gateway, pages and API (default 9480).", min=0, max=65535)] = None,
    ops_port: Annotated[int | None, typer.Option(help="Metrics and health (default 9400).", min=0, max=65535)] = None,
) -> None:
    """Start the whole road on this machine, and stay until Ctrl-C."""
    from avenue.embedded.prepare import prepare_cluster
    from avenue.embedded.progress import ProgressPrinter
    from avenue.embedded.stack import EmbeddedStack, PortFlags, StackDeps
    from registry.file import load_registry
    from runtime.errors import ConfigurationError, PipelineError
    from runtime.logging import configure_logging
    from runtime.settings import LogSettings, load_settings

    asked = {name: value for name, value in (("port", port), ("ops_port", ops_port)) if value is not None}
    progress = ProgressPrinter()
    try:
        settings = load_settings(home=home, http=asked or None)
        # What a person wants to know is said; standard output holds the one line that programs wait for.
        configure_logging(LogSettings(level="ERROR", format="text"), role="up")
        # Whether the broker answers is said in our own words.
        logging.getLogger("kafka").setLevel(logging.CRITICAL)
        # Read first: a fault in it should not cost the start of a broker.
        wanted = load_registry(registry, production=settings.profile == "production") if registry else None
        deps = StackDeps(
            prepare=lambda ready: prepare_cluster(ready, registry=wanted), say=progress.say, announce=_announce
        )
        ports = PortFlags("--port" if port else None, "--ops-port" if ops_port else None)
        code = EmbeddedStack(settings, deps, ports).run()
    except ConfigurationError as error:
        progress.fail(str(error))
        raise typer.Exit(2) from error
    except PipelineError as error:
        progress.fail(str(error))
        raise typer.Exit(1) from error
    raise typer.Exit(code)


def _announce(line: str) -> None:
    with contextlib.suppress(OSError):  # a file on a full disk; the stack runs all the same
        print(line, flush=True)


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(epilog=EXAMPLE)(up)
