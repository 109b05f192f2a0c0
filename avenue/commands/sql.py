"""`avenue sql`: read-only SQL for operators."""

import sys
from typing import Annotated

import typer

EXAMPLE = """
Example:

    avenue sql "SELECT reason, count() FROM rejects GROUP BY reason"

One JSON object a line. The stable views are events, rejects and metrics_by_minute.
"""


def sql(query: Annotated[str, typer.Argument(metavar="QUERY", help="One SELECT.")]) -> None:
    """Run a read-only query and print its rows as NDJSON."""
    from avenue.client.store_access import RunningServer, error_detail, store_of
    from avenue.exit_codes import exit_codes
    from avenue.serve.operations import QueryRefusedError, run_sql
    from runtime.settings import load_settings

    with exit_codes(), store_of(load_settings()) as store:
        if isinstance(store, RunningServer):
            answer = store.post("/internal/sql", query.encode())
            if answer.status_code != 200:
                raise QueryRefusedError(error_detail(answer))
            sys.stdout.write(answer.text)
        else:
            for chunk in run_sql(store, query):
                sys.stdout.write(chunk.decode())


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(epilog=EXAMPLE)(sql)
