"""`avenue registry check|plan|apply|show`: the registry file, and the registry in force."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avenue.client.settings import cluster_settings, command_settings
from avenue.exit_codes import exit_codes

if TYPE_CHECKING:
    from registry.directory import Directory
    from registry.file import CheckedFile, FileProblem
    from registry.plan import RegistryPlan
    from registry.secrets import SecretResolver
    from runtime.settings import Settings
    from schemas.registry import Registry

group = typer.Typer(name="registry", help="Who may send and what stands where.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(metavar="FILE", help="The registry file (TOML).", dir_okay=False)]
Home = Annotated[Path | None, typer.Option(help="The home folder of the stack (default .avenue).", file_okay=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@group.command(epilog="\nExample:\n\n    avenue registry check registry.toml")
def check(file: File, *, home: Home = None, as_json: AsJson = False) -> None:
    """Check FILE: every error at once, each with its line; warnings too, which are none. Needs no running stack.

    Secrets are looked at where they can be had here.
    """
    from registry.secrets import SecretResolver

    with exit_codes():
        secrets = SecretResolver(os.environ)
        checked = _checked(file, command_settings(home), as_json=as_json, secrets=secrets)
    counts = {entry_type: len(getattr(checked.registry, entry_type)) for entry_type in _ENTRY_TYPES}
    if as_json:
        _print_json({"problems": [], "warnings": _as_json(checked.warnings), "counts": counts})
    else:
        for warning in checked.warnings:
            print(f"{file}:{warning.line}: warning: {warning.where}: {warning.message}")
        print(f"{file} is sound: {', '.join(f'{count} {entry_type}' for entry_type, count in counts.items())}")


@group.command(epilog="\nExample:\n\n    avenue registry plan registry.toml")
def plan(file: File, *, home: Home = None, as_json: AsJson = False) -> None:
    """Print what applying FILE would change, and what of that may hurt. Changes nothing."""
    from registry.plan import render_plan

    with exit_codes():
        settings = cluster_settings(home)
        difference = _plan(settings, _read(file, settings, as_json=as_json))
    if as_json:
        _print_json(difference.as_json())
    else:
        print("\n".join(render_plan(difference)))


@group.command(epilog="\nExample:\n\n    avenue registry apply registry.toml")
def apply(file: File, *, home: Home = None, as_json: AsJson = False) -> None:
    """Put FILE in force as a whole, and print its version once it was read back."""
    from registry.apply import apply_registry
    from registry.audit_note import noted_change
    from registry.plan import render_plan

    with exit_codes():
        settings = cluster_settings(home)
        registry = _read(file, settings, as_json=as_json)
        difference = _plan(settings, registry)
        with noted_change(settings, "registry apply", subject=f"version {difference.version}") as change:
            version = apply_registry(settings, registry)
            change.subject = f"version {version}"
    if as_json:
        _print_json({**difference.as_json(), "version": version, "replaced": difference.version})
    else:
        print("\n".join(render_plan(difference)))
        print(f"version {version} is in force")


@group.command(epilog="\nExample:\n\n    avenue registry show > registry.toml")
def show(*, home: Home = None, as_json: AsJson = False) -> None:
    """Print the registry in force, as a file that could be applied again."""
    from registry.render import render
    from runtime.errors import UnavailableError

    with exit_codes():
        directory = _directory(cluster_settings(home))
        if directory.registry is None:
            raise UnavailableError("no registry is in force; apply one with `avenue registry apply FILE`")
    if as_json:
        content = directory.registry.model_dump(mode="json", by_alias=True)
        epochs = [epoch.model_dump(mode="json") for epoch in directory.epochs]
        _print_json({"version": directory.version, "registry": content, "epochs": epochs})
    else:
        print(f"# version {directory.version}")
        print(render(directory.registry), end="")


_ENTRY_TYPES = ("startups", "products", "trials", "accounts", "placements", "channels", "notes")


def _read(file: Path, settings: "Settings", *, as_json: bool) -> "Registry":
    """Return the registry in *file*; print every problem and end with 1 where there are any."""
    registry = _checked(file, settings, as_json=as_json).registry
    if registry is None:
        raise typer.Exit(1)
    return registry


def _checked(
    file: Path, settings: "Settings", *, as_json: bool, secrets: "SecretResolver | None" = None
) -> "CheckedFile":
    from registry.file import check_registry, read_file

    checked = check_registry(read_file(file), production=settings.profile == "production", secrets=secrets)
    if checked.registry is None:
        _print_problems(file, checked.problems, as_json=as_json)
        raise typer.Exit(1)
    return checked


def _print_problems(file: Path, problems: "tuple[FileProblem, ...]", *, as_json: bool) -> None:
    if as_json:
        _print_json({"problems": _as_json(problems)})
        return
    for problem in problems:
        where = f"{problem.where}: " if problem.where else ""
        print(f"{file}:{problem.line}: {where}{problem.message}")
    print(f"{len(problems)} problem{'s' if len(problems) > 1 else ''}; nothing was changed")


def _as_json(problems: "tuple[FileProblem, ...]") -> list[dict[str, Any]]:
    return [{"line": p.line, "where": p.where, "message": p.message} for p in problems]


def _plan(settings: "Settings", registry: "Registry") -> "RegistryPlan":
    from registry.plan import plan_of

    return plan_of(_directory(settings), registry, now=datetime.now(UTC))


def _directory(settings: "Settings") -> "Directory":
    from registry.directory import Directory
    from registry.epochs import topic_exists
    from registry.topic import RegistryWriter
    from schemas.topics import Topic

    if not topic_exists(settings, Topic.REGISTRY):
        # A new cluster: as good as an empty topic, and looking makes none.
        return Directory()
    with RegistryWriter(settings) as writer:
        return writer.read_all()


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False))


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.add_typer(group)
