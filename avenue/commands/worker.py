"""`avenue worker`: the Faust worker, live metric cells from the log."""

import sys
from typing import Annotated

import typer

EXAMPLE = """
Example:

    AVENUE_KAFKA__BOOTSTRAP=kafka:9092 avenue worker --ops-port 9401

Ends on TERM after it has sent and committed what it took in.
"""
DEFAULT_OPS_PORT = 9401
OpsPort = Annotated[
    int | None,
    typer.Option(
        help="Metrics and health; 0 picks a free port (default AVENUE_HTTP__OPS_PORT, else 9401).", min=0, max=65535
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""

    @app.command(epilog=EXAMPLE)
    def worker(ops_port: OpsPort = None) -> None:
        """Run the worker: count every accepted event once, within a second."""
        _run(ops_port)


def _run(ops_port: int | None) -> None:
    from runtime.errors import ConfigurationError, PipelineError
    from runtime.logging import configure_logging
    from runtime.settings import load_settings
    from streams.app import run_worker

    try:
        settings = load_settings()
        configure_logging(settings.log, role="worker")
        if ops_port is None:
            # 9400 is the server's: on one machine the two must not meet unless somebody says so.
            is_set = "ops_port" in settings.http.model_fields_set
            ops_port = settings.http.ops_port if is_set else DEFAULT_OPS_PORT
        code = run_worker(settings, ops_port)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from error
    except PipelineError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from error
    raise typer.Exit(code)
