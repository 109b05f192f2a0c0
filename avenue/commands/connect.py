"""`avenue connect`: fetches what a platform does not push, and posts it to the gateway."""

import json
import os
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avenue.exit_codes import exit_codes

if TYPE_CHECKING:
    from avenue.connectors.bilibili.calls import AppKeys
    from avenue.connectors.bilibili.run import ConnectorResult

EXAMPLE = """
Example:

    avenue connect bilibili-live --account bilibili-main --url https://gateway.example.com --secret env:LIVE_SECRET --app-id 1000000000001 --access-key env:BILI_KEY --access-secret env:BILI_SECRET --code env:ROOM_CODE

Runs until it is stopped. Exit 0: stopped, and all that was heard is in; 1: something waits still, for the next start;
2: used wrongly, or refused by the platform or the gateway.
"""  # noqa: E501 - a line that is copied whole
group = typer.Typer(name="connect", help="Fetch what a platform does not push.", no_args_is_help=True)

Reference = "env:NAME or file:PATH"
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")]
AccountId = Annotated[str, typer.Option(help="The account's id in the registry.")]
State = Annotated[
    Path | None,
    typer.Option(help="What waits and what was missed (default: connectors/ACCOUNT.db in the home folder)."),
]


@group.command(name="bilibili-live", epilog=EXAMPLE)
def bilibili_live(  # noqa: PLR0913 - the options of a command are its parameters
    *,
    account: AccountId,
    url: Annotated[str, typer.Option(help="The gateway's address.")],
    secret: Annotated[
        list[str], typer.Option(help=f"The account's `live` secret (whsec_…), as {Reference}; twice while it changes.")
    ],
    app_id: Annotated[int, typer.Option(help="The application's id in the platform's console.", min=1)],
    access_key: Annotated[str, typer.Option(help=f"The application's access key, as {Reference}.")],
    access_secret: Annotated[str, typer.Option(help=f"The access key's secret, as {Reference}.")],
    code: Annotated[str, typer.Option(help=f"The room owner's identity code, as {Reference}.")],
    state: State = None,
    links: Annotated[
        int, typer.Option(help="Connections at once: with two, one that drops leaves no hole.", min=1, max=5)
    ] = 2,
    platform_url: Annotated[
        str, typer.Option(help="The open platform's address; another one to try against.")
    ] = "https://live-open.biliapi.com",
    as_json: AsJson = False,
) -> None:
    """Listen to a live room of Bilibili's, and post what viewers do to the gateway as it comes."""
    import asyncio

    from avenue.connectors.bilibili.run import ConnectorOptions, connect
    from avenue.connectors.forward import Destination

    with exit_codes():
        _configure_log()
        resolve = _Resolver()
        keys = _app_keys(resolve, app_id, access_key, access_secret, code)
        seals = partial(resolve.webhook_keys, "--secret", secret)
        destination = Destination(_address("--url", url), account, "live", lambda: seals()[0])
        path = state or _default_state(account)
        platform = _address("--platform-url", platform_url)
        result = asyncio.run(connect(ConnectorOptions(keys, platform, destination, path, seals, links)))
    _print_result(result, as_json=as_json)


def _print_result(result: "ConnectorResult", *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"posted": result.posted, "waiting": result.waiting, "holes": result.holes}))
    else:
        print(f"{result.posted} messages posted, {result.waiting} wait, {result.holes} holes")
    if result.waiting:
        print(f"{result.waiting} messages wait for the next start: {result.problem or 'stopped'}", file=sys.stderr)
        raise typer.Exit(1)


@group.command(epilog="\nExample:\n\n    avenue connect status --account bilibili-main")
def status(*, account: AccountId, state: State = None, as_json: AsJson = False) -> None:
    """Say what waits to be posted, and when messages may have been missed."""
    from avenue.connectors.bilibili.room import LAST_HEARD
    from avenue.connectors.spool import Spool
    from runtime.errors import ConfigurationError

    with exit_codes():
        path = state or _default_state(account)
        if not path.is_file():
            raise ConfigurationError(f"no connector of account {account} has run with {path}; name its --state")
        spool = Spool(path, [])
        heard, waiting, holes = spool.value(LAST_HEARD), spool.waiting(), spool.holes()
        spool.close()
    if as_json:
        told = [{"from": _iso(hole.from_ms), "to": _iso(hole.to_ms), "why": hole.why} for hole in holes]
        print(json.dumps({"last_heard": _iso(int(heard)) if heard else None, "waiting": waiting, "holes": told}))
        return
    print(f"last heard {_iso(int(heard)) if heard else 'never'}; {waiting} messages wait")
    for hole in holes:
        print(f"{_iso(hole.from_ms)} to {_iso(hole.to_ms)}: may have missed messages: {hole.why}")


def register(app: typer.Typer) -> None:
    """Add the group to *app*."""
    app.add_typer(group)


def _app_keys(resolve: "_Resolver", app_id: int, access_key: str, access_secret: str, code: str) -> "AppKeys":
    from avenue.connectors.bilibili.calls import AppKeys

    secret = resolve.text("--access-secret", access_secret).encode()
    return AppKeys(app_id, resolve.text("--access-key", access_key), secret, resolve.text("--code", code))


class _Resolver:
    """Gives what the command line's references stand for; a file is read again when it changes."""

    def __init__(self) -> None:
        from registry.secrets import SecretResolver

        self._resolver = SecretResolver(os.environ)

    def text(self, option: str, reference: str) -> str:
        from runtime.errors import ConfigurationError

        if not reference.startswith(("env:", "file:")):
            raise ConfigurationError(
                f"{option} is a reference, {Reference}, so that no secret stands in the process list"
            )
        value, fault = self._resolver.value_of(reference)
        if value is None:
            raise ConfigurationError(f"{option}: {fault}")
        return value.decode("utf-8", "replace").strip()

    def webhook_keys(self, option: str, references: list[str]) -> list[bytes]:
        return [self._webhook_key(option, reference) for reference in references]

    def _webhook_key(self, option: str, reference: str) -> bytes:
        from registry.webhook_signing import secret_bytes
        from runtime.errors import ConfigurationError

        try:
            return secret_bytes(self.text(option, reference))
        except ConfigurationError as error:
            raise ConfigurationError(f"{option}: {error}") from error


def _address(option: str, url: str) -> str:
    from runtime.errors import ConfigurationError

    if not url.startswith(("http://", "https://")):
        raise ConfigurationError(f"{option} is an address like https://gateway.example.com; got {url!r}")
    return url.rstrip("/")


def _default_state(account: str) -> Path:
    from runtime.settings import load_settings

    return load_settings().home / "connectors" / f"{account}.db"


def _configure_log() -> None:
    from runtime.logging import configure_logging
    from runtime.settings import LogSettings

    configure_logging(LogSettings(level="INFO", format="text"), role="connector")


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
