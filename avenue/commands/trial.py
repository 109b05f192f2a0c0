"""`avenue trial rota`: which place is in which arm on which day, drawn by lottery, for walls and for the registry."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from avenue.exit_codes import exit_codes

if TYPE_CHECKING:
    from registry.rota import DrawnRota, RotaDifference
    from schemas.registry import Registry, Trial

group = typer.Typer(name="trial", help="What a trial's registration says: its rota.", no_args_is_help=True)

EXAMPLE = """
Example:

    avenue trial rota neuro-band-2026q4 --write registry.toml
    avenue trial rota neuro-band-2026q4 --lang zh --format html -o rota.html --place cafe
    avenue trial rota neuro-band-2026q4 --check

--write puts the arms into the file, for `avenue registry apply`. They are drawn from the seed that the trial
registers (`rota = { seed = "…" }`): the same seed gives the same days.
Exits 0; with --check 1 where a placement is not as drawn.
"""
Format = Literal["text", "html", "toml"]


@group.command(epilog=EXAMPLE)
def rota(  # noqa: PLR0913 - the options of a command are its parameters
    trial: Annotated[str, typer.Argument(metavar="TRIAL", help="The trial's id.")],
    *,
    registry: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw for the trial in FILE, not in force.", dir_okay=False)
    ] = None,
    lang: Annotated[Literal["zh", "en"], typer.Option(help="The sheet's language.")] = "zh",
    format_: Annotated[Format, typer.Option("--format", help="What to print; toml: the placements' lines.")] = "text",
    place: Annotated[list[str] | None, typer.Option(help="Only this place, for its own wall; repeatable.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Into this file.", dir_okay=False)] = None,
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Put the arms into this registry file.", dir_okay=False)
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Hold the placements against the draw.")] = False,
    home: Annotated[Path | None, typer.Option(help="The home folder (default .avenue).", file_okay=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Draw TRIAL's rota and print it, write it into a registry file, or check that the registry is as drawn."""
    with exit_codes():
        found, of, drawn = _draw(trial, write or registry, home)
        places = _chosen(drawn, place)
        if check:
            _check(found, of, drawn, as_json=as_json)
        elif write is not None:
            _write(write, found, of, drawn)
        else:
            text = _as_json(of, drawn, places) if as_json else _rendered(found, of, drawn, (places, lang, format_))
            _put_out(text, output)


def _draw(trial_id: str, file: Path | None, home: Path | None) -> "tuple[Registry, Trial, DrawnRota]":
    from registry.draft import did_you_mean
    from registry.rota import draw_rota, rota_places
    from runtime.errors import ConfigurationError

    registry = _in_force(home) if file is None else _of_file(file, home)
    trials = {entry.id: entry for entry in registry.trials}
    if (trial := trials.get(trial_id)) is None:
        raise ConfigurationError(f"there is no trial `{trial_id}`{did_you_mean(trial_id, trials)}")
    if trial.rota is None:
        raise ConfigurationError(
            f'trial {trial_id} registers no rota: add `rota = {{ seed = "…" }}` to it, a text that nobody could choose '
            "to suit himself, before the trial starts"
        )
    return registry, trial, draw_rota(trial, rota_places(registry, trial))


def _in_force(home: Path | None) -> "Registry":
    from avenue.client.settings import cluster_settings
    from registry.topic import RegistryWriter
    from runtime.errors import UnavailableError

    with RegistryWriter(cluster_settings(home)) as writer:
        found = writer.read_all().registry
    if found is None:
        raise UnavailableError("no registry is in force; apply one with `avenue registry apply FILE`")
    return found


def _of_file(file: Path, home: Path | None) -> "Registry":
    from avenue.client.settings import command_settings
    from registry.file import load_registry

    return load_registry(file, production=command_settings(home).profile == "production")


def _chosen(drawn: "DrawnRota", wanted: list[str] | None) -> tuple[str, ...]:
    from registry.draft import did_you_mean
    from runtime.errors import ConfigurationError

    for place in wanted or ():
        if place not in drawn.arms:
            raise ConfigurationError(f"place `{place}` takes no part in the rota{did_you_mean(place, drawn.arms)}")
    return tuple(wanted or drawn.arms)


def _rendered(
    registry: "Registry", trial: "Trial", drawn: "DrawnRota", how: "tuple[tuple[str, ...], Literal['zh', 'en'], Format]"
) -> str:
    places, lang, format_ = how
    if format_ == "toml":
        from registry.rota import placed_by_rota
        from registry.rota_file import fragment

        concerned = (p for p in registry.placements if p.trial == trial.id and p.place_id in places)
        return fragment(placed_by_rota(placement, trial, drawn) for placement in concerned)
    from reports.rota_sheet.html import html
    from reports.rota_sheet.sheet import as_text, rota_sheet

    sheet = rota_sheet(registry, trial, drawn, lang, places)
    return html(sheet) if format_ == "html" else as_text(sheet)


def _as_json(trial: "Trial", drawn: "DrawnRota", places: tuple[str, ...]) -> str:
    told = {
        "trial": trial.id,
        "rota": None if trial.rota is None else trial.rota.model_dump(mode="json"),
        "days": [day.isoformat() for day in drawn.days],
        "places": {place: list(drawn.arms[place]) for place in places},
    }
    return json.dumps(told, ensure_ascii=False) + "\n"


def _put_out(text: str, output: Path | None) -> None:
    from runtime.errors import ConfigurationError
    from runtime.files import explain

    if output is None:
        print(text, end="")
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{output} cannot be written: {explain(error)}") from error
    print(output)


def _write(file: Path, registry: "Registry", trial: "Trial", drawn: "DrawnRota") -> None:
    from registry.file import read_file
    from registry.rota import placed_by_rota
    from registry.rota_file import with_arms

    placed = {p.id: placed_by_rota(p, trial, drawn) for p in registry.placements}
    changed = {p.id: placed[p.id] for p in registry.placements if placed[p.id] != p}
    if changed:
        _put_out(with_arms(read_file(file).decode(), changed), file)
    print(f"{len(changed)} placements written; put them in force with `avenue registry apply {file}`")


def _check(registry: "Registry", trial: "Trial", drawn: "DrawnRota", *, as_json: bool) -> None:
    from registry.rota import rota_differences

    found = rota_differences(registry, trial, drawn)
    if as_json:
        print(json.dumps({"trial": trial.id, "as_drawn": not found, "differences": [*map(_told, found)]}))
    else:
        for difference in found:
            days = ", ".join(day.isoformat() for day in difference.days)
            print(f"{difference.placement_id} at {difference.place}: not as drawn on {days}")
        if not found:
            print(f"every placement of {trial.id} is as drawn: {len(drawn.arms)} places, {len(drawn.days)} days")
    if found:
        raise typer.Exit(1)


def _told(found: "RotaDifference") -> dict[str, object]:
    return {"placement": found.placement_id, "place": found.place, "days": [day.isoformat() for day in found.days]}


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.add_typer(group)
