"""Exit codes of the commands: 0 done, 1 found a problem, 2 used wrongly. Errors are sentences on standard error."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from runtime.errors import ConfigurationError, PipelineError


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn this project's errors into their message and exit code."""
    try:
        yield
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from error
    except PipelineError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from error
