"""`avenue key issue|list|revoke`: access keys. A key is shown once; only a hash of it is kept."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avenue.client.settings import cluster_settings
from avenue.exit_codes import exit_codes

if TYPE_CHECKING:
    from schemas.registry import AccessKey

group = typer.Typer(
    name="key", help="Access keys of accounts, startups, operators and the programme.", no_args_is_help=True
)

Home = Annotated[Path | None, typer.Option(help="The home folder of the stack (default .avenue).", file_okay=False)]
WARN_BEFORE = timedelta(days=14)
"""As the alert KeysEnding."""
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@group.command(epilog="\nExample:\n\n    avenue key issue --scope account:sunmi-main --expires 90d")
def issue(
    *,
    scope: Annotated[str, typer.Option(help="account:ID, startup:ID, operator or programme.")],
    expires: Annotated[
        str | None, typer.Option(help="How long it is valid: 90d, 12h, 30m, 2w. Default: no end.")
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, this once, as the last line. It is valid everywhere within 5 s."""
    from registry.audit_note import noted_change
    from registry.keys import check_scope, issue_key, parse_expiry
    from registry.topic import RegistryWriter

    now = datetime.now(UTC)
    with exit_codes():
        expires_at = None if expires is None else parse_expiry(expires, now=now)
        settings = cluster_settings(home)
        with RegistryWriter(settings) as writer:
            check_scope(scope, writer.read_all())
            issued = issue_key(scope, now=now, expires_at=expires_at)
            with noted_change(settings, "key issue", subject=issued.entry.id):
                writer.publish_key(issued.entry)
    entry = issued.entry
    if as_json:
        _print_json(
            {"id": entry.id, "key": issued.secret, "scope": entry.scope, "expires_at": _moment(entry.expires_at)}
        )
        return
    print(f"key {entry.id} for {entry.scope}, {_until(entry)}; keep it now, it is not shown again:")
    print(issued.secret)


@group.command(name="list", epilog="\nExample:\n\n    avenue key list --json")
def list_keys(*, home: Home = None, as_json: AsJson = False) -> None:
    """List the keys: id, scope, how it begins, when it ends and was last used. Never a key itself.

    Whose last key ends within two weeks is told at the end.
    """
    from registry.keys import ending_owners, state_of
    from registry.topic import RegistryWriter

    now = datetime.now(UTC)
    with exit_codes(), RegistryWriter(cluster_settings(home)) as writer:
        keys = sorted(writer.read_all().keys.values(), key=lambda key: key.created_at)
        uses = writer.last_uses()
    if as_json:
        _print_json([_described(key, state_of(key, now=now), uses.get(key.id)) for key in keys])
        return
    for key in keys:
        state, used = state_of(key, now=now), _used(uses.get(key.id))
        print(f"{key.id}  {state:8}{key.scope:32}{key.prefix}…  {_until(key)}, {used}")
    for scope, end in sorted(ending_owners(keys, now=now).items()):
        if end - now < WARN_BEFORE:
            how = f"issue another with `avenue key issue --scope {scope}`, and let both be valid for a while"
            print(f"! the last key of {scope} ends {_moment(end)}: {how}")
    print(f"{len(keys)} key{'' if len(keys) == 1 else 's'}")


@group.command(name="secrets", epilog="\nExample:\n\n    avenue key secrets --json")
def list_secrets(*, home: Home = None, as_json: AsJson = False) -> None:
    """List the secrets by which accounts sign, by reference, and when each last verified a push. Never a secret itself.

    An older one that has not been used since the newer came may leave the registry.
    """
    from registry.secret_uses import secret_uses
    from registry.topic import RegistryWriter

    with exit_codes(), RegistryWriter(cluster_settings(home)) as writer:
        registry = writer.read_all().registry
        found = secret_uses(registry.accounts if registry else (), writer.last_uses())
    if as_json:
        _print_json(
            [
                {
                    "account": use.account,
                    "flow": use.flow,
                    "secret": use.secret,
                    "last_used_hour": None if use.hour_ms is None else _moment(_time_of(use.hour_ms)),
                }
                for use in found
            ]
        )
        return
    for use in found:
        print(f"{use.account:24}{use.flow:16}{use.secret:40}{_used(use.hour_ms)}")
    print(f"{len(found)} secret{'' if len(found) == 1 else 's'}")


@group.command(epilog="\nExample:\n\n    avenue key revoke k-0123456789")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `avenue key list` shows it.")],
    *,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """End a key. It is refused everywhere within 5 s; to revoke one twice is harmless."""
    from registry.audit_note import noted_change
    from registry.topic import RegistryWriter

    with exit_codes(), RegistryWriter(settings := cluster_settings(home)) as writer:
        key = _find(list(writer.read_all().keys.values()), key_id)
        if key.revoked_at is None:
            key = key.model_copy(update={"revoked_at": datetime.now(UTC)})
            with noted_change(settings, "key revoke", subject=key.id):
                writer.publish_key(key)
    if as_json:
        _print_json({"id": key.id, "scope": key.scope, "revoked_at": _moment(key.revoked_at)})
    else:
        print(f"key {key.id} of {key.scope} is revoked since {_moment(key.revoked_at)}")


def _find(keys: "list[AccessKey]", key_id: str) -> "AccessKey":
    from runtime.errors import ConfigurationError

    for key in keys:
        if key.id == key_id:
            return key
    # What was given may be a key itself, so it is not repeated.
    raise ConfigurationError("there is no key of this id; `avenue key list` shows the ids")


def _used(hour_ms: int | None) -> str:
    return "not used yet" if hour_ms is None else f"last used in the hour from {_moment(_time_of(hour_ms))}"


def _time_of(hour_ms: int) -> datetime:
    return datetime.fromtimestamp(hour_ms / 1000, UTC)


def _described(key: "AccessKey", state: str, used_ms: int | None) -> dict[str, Any]:
    return {
        "id": key.id,
        "scope": key.scope,
        "state": state,
        "prefix": key.prefix,
        "created_at": _moment(key.created_at),
        "expires_at": _moment(key.expires_at),
        "revoked_at": _moment(key.revoked_at),
        "last_used_hour": None if used_ms is None else _moment(_time_of(used_ms)),
    }


def _until(key: "AccessKey") -> str:
    return "without end" if key.expires_at is None else f"until {_moment(key.expires_at)}"


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False))


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.add_typer(group)
