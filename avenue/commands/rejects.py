"""`avenue rejects`: what was not accepted, and why."""

import json
from typing import Annotated, Any
from urllib.parse import quote, unquote

import typer

EXAMPLE = """
Example:

    avenue rejects list --account douyin-main --reason unknown_placement
"""

Json = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    group = typer.Typer(help="Kept rejects.", no_args_is_help=True, rich_markup_mode=None)
    group.command(name="list", epilog=EXAMPLE)(list_kept)
    group.command(name="show", epilog="\nExample:\n\n    avenue rejects show r-4f1c")(show)
    app.add_typer(group, name="rejects")


def list_kept(
    *,
    account: Annotated[str, typer.Option(help="Only of this account.")] = "",
    reason: Annotated[str, typer.Option(help="Only for this reason.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=1000)] = 100,
    as_json: Json = False,
) -> None:
    """List kept rejects, newest first."""
    rows = _ask("/internal/rejects", account=account, reason=reason, limit=str(limit))
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        print(f"{row['reject_id']}  {row['received_at']}  {row['account_id']}/{row['flow']}  {row['reason']}  "
              f"{row['field']}  {row['message']}")  # fmt: skip
    print(f"{len(rows)} rejects")


def show(
    reject_id: Annotated[str, typer.Argument(metavar="ID", help="As `avenue rejects list` shows it.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on one line.")] = False,
) -> None:
    """Show one reject with what was kept of it, as JSON."""
    found = _ask(f"/internal/rejects/{quote(reject_id, safe='')}")
    print(json.dumps(found, ensure_ascii=False, indent=None if as_json else 2))


def _ask(path: str, **parameters: str) -> Any:
    from avenue.exits import exit_codes
    from avenue.operations import find_reject, list_rejects
    from avenue.store_access import Server, store_of
    from runtime.errors import PipelineError
    from runtime.settings import load_settings

    with exit_codes(), store_of(load_settings()) as store:
        reject_id = unquote(path.removeprefix("/internal/rejects").removeprefix("/"))
        found: Any
        if isinstance(store, Server):
            answer = store.get(path, **parameters)
            if answer.status_code not in {200, 404}:
                raise PipelineError(f"the server answered {answer.status_code}: {answer.text[:300]}")
            found = answer.json() if answer.status_code == 200 else None
        elif reject_id:
            found = find_reject(store, reject_id)
        else:
            found = list_rejects(
                store, account=parameters["account"], reason=parameters["reason"], limit=int(parameters["limit"])
            )
        if found is None:
            raise PipelineError(f"no kept reject {reject_id}; `avenue rejects list` shows them")
        return found
