"""The roles that answer or store, as commands: `gateway`, `reports`, `sink`, and `serve` with all three on chDB."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from avenue.serve.roles import Role

EXAMPLE = """
Example:

    AVENUE_KAFKA__BOOTSTRAP=kafka:9092 avenue {role} --ops-port 9400

Ends on TERM after what it has in hand.
"""

Port = Annotated[int | None, typer.Option(help="Where it answers (default 9480).", min=0, max=65535)]
OpsPort = Annotated[int | None, typer.Option(help="Metrics and health (default 9400).", min=0, max=65535)]


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""

    @app.command(epilog=EXAMPLE.format(role="gateway"))
    def gateway(port: Port = None, ops_port: OpsPort = None) -> None:
        """Run the gateway: take pushes in and publish events."""
        _run("gateway", frozenset({"gateway"}), port, ops_port)

    @app.command(epilog=EXAMPLE.format(role="reports"))
    def reports(port: Port = None, ops_port: OpsPort = None) -> None:
        """Run the read side: API, pages, exports, reports."""
        _run("reports", frozenset({"reports"}), port, ops_port)

    @app.command(epilog=EXAMPLE.format(role="sink"))
    def sink(ops_port: OpsPort = None) -> None:
        """Run the sink: topics into ClickHouse, and settlement."""
        _run("sink", frozenset({"sink"}), None, ops_port)

    @app.command(hidden=True)
    def serve(port: Port = None, ops_port: OpsPort = None) -> None:
        """Run gateway, sink and reports in one process, as the embedded stack does."""
        _run("server", frozenset({"gateway", "sink", "reports"}), port, ops_port)


def _run(role: str, roles: "frozenset[Role]", port: int | None, ops_port: int | None) -> None:
    from avenue.serve.roles import run_roles
    from runtime.errors import ConfigurationError, PipelineError
    from runtime.logging import configure_logging
    from runtime.settings import load_settings

    asked = {name: value for name, value in (("port", port), ("ops_port", ops_port)) if value is not None}
    try:
        settings = load_settings(http=asked or None)
        configure_logging(settings.log, role=role)
        code = run_roles(settings, roles)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from error
    except PipelineError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from error
    raise typer.Exit(code)
