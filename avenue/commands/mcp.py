"""`avenue mcp`: a startup's numbers as tools for its assistant."""

import os
from typing import Annotated

import typer

EXAMPLE = """
Example:

    AVENUE_KEY=avk_… avenue mcp --url https://avenue.example.com

Over standard input and output, as assistants start it; with --http on http://127.0.0.1:9481/mcp, for this machine only.
What it may see is what the key in AVENUE_KEY may see.
"""


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command(epilog=EXAMPLE)(mcp)


def mcp(
    *,
    url: Annotated[
        str, typer.Option(help="The server's address (default: the one that runs on this home).", show_default=False)
    ] = "",
    http: Annotated[bool, typer.Option("--http", help="Streamable HTTP on the loopback address.")] = False,
    port: Annotated[int, typer.Option(help="With --http: where.", min=1, max=65535)] = 9481,
) -> None:
    """Give an assistant the reading API's questions as tools (Model Context Protocol), read only."""
    import asyncio

    from avenue.assistants.serve import serve_http, serve_stdio
    from avenue.exit_codes import exit_codes
    from runtime.errors import ConfigurationError

    with exit_codes():
        key = os.environ.get("AVENUE_KEY", "")
        if not key:
            raise ConfigurationError(
                "AVENUE_KEY is not set; put a key of scope startup:ID, programme or operator into it, as the "
                "avenue's operator issues them"
            )
        address = _address(url)
        asyncio.run(serve_http(address, key, port) if http else serve_stdio(address, key))


def _address(url: str) -> str:
    from avenue.run_file import read_run_file
    from runtime.errors import ConfigurationError
    from runtime.settings import load_settings

    if url:
        if not url.startswith(("http://", "https://")):
            raise ConfigurationError(f"--url is the server's address, like http://127.0.0.1:9480; got {url!r}")
        return url.rstrip("/")
    home = load_settings().home
    run = read_run_file(home)
    if run is None:
        raise ConfigurationError(f"nothing runs on {home.absolute()}; give the server's address with --url")
    return run.url
