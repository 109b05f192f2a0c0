"""The command line: `avenue …`. Each command is a module of `avenue.commands`, loaded when the line is read."""

import importlib
import sys

import typer

# In the order of the help page: run, then feed, then look, then mend.
COMMANDS = (
    "up",
    "serve",
    "worker",
    "registry",
    "key",
    "channel",
    "send",
    "connect",
    "simulate",
    "demo",
    "report",
    "judge",
    "trial",
    "mcp",
    "sql",
    "reconcile",
    "rejects",
    "topics",
    "doctor",
    "audit",
    "forget",
)


def build() -> typer.Typer:
    """Return the whole command line."""
    app = typer.Typer(
        name="avenue",
        help="The event pipeline of Shanghai's Brain-Inspired Avenue: partner pushes in, trial reports out.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name in COMMANDS:
        importlib.import_module(f"avenue.commands.{name}").register(app)
    return app


def main() -> None:
    """Run the command line. A disk that takes nothing is a sentence, whichever file it was."""
    from runtime.files import NO_ROOM, explain

    try:
        build()(prog_name="avenue")
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        print(explain(error), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
