"""`avenue channel list|test`: who is told without looking, and whether it arrives."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from avenue.client.settings import command_settings
from avenue.exit_codes import exit_codes

group = typer.Typer(name="channel", help="Where startups are told without looking.", no_args_is_help=True)

Home = Annotated[Path | None, typer.Option(help="The home folder of the stack (default .avenue).", file_okay=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Url = Annotated[str | None, typer.Option(help="Address of the reports role; default: the stack on the home folder.")]
Key = Annotated[
    str | None, typer.Option(envvar="AVENUE_KEY", help="With --url: a key of scope operator or startup:ID.")
]


@group.command(name="list", epilog="\nExample:\n\n    avenue channel list --json")
def list_channels(*, url: Url = None, key: Key = None, home: Home = None, as_json: AsJson = False) -> None:
    """List the channels: whose they are, what they are told, and whether it arrives. Never an address.

    Ends with 1 where one fails.
    """
    from avenue.client.channels import telling_server

    with exit_codes():
        found = telling_server(command_settings(home), url, key).channels()
    if as_json:
        print(json.dumps({"channels": found}, ensure_ascii=False))
    else:
        for channel in found:
            print(_line(channel))
        print(f"{len(found)} channel{'' if len(found) == 1 else 's'}")
    if any(channel["failing_since"] for channel in found):
        raise typer.Exit(1)


@group.command(name="test", epilog="\nExample:\n\n    avenue channel test calmwave-feishu")
def try_one(
    channel_id: Annotated[str, typer.Argument(metavar="ID", help="The channel's id in the registry.")],
    *,
    url: Url = None,
    key: Key = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Send a test to a channel, and end with 1 where it did not arrive."""
    from avenue.client.channels import telling_server

    with exit_codes():
        found = telling_server(command_settings(home), url, key).test(channel_id)
    told = found["outcome"] == "told"
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        print(f"{channel_id} was told" if told else f"{channel_id}: {found['outcome']}: {found['why']}")
    if not told:
        raise typer.Exit(1)


def _line(channel: dict[str, Any]) -> str:
    owner = f"startup:{channel['startup']}" if channel["startup"] else f"trial:{channel['trial']}"
    state = f"failing since {channel['failing_since']}: {channel['why']}" if channel["failing_since"] else "well"
    return f"{channel['id']}  {owner}  {channel['language']}  {','.join(channel['tells'])}  {state}"


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.add_typer(group)
