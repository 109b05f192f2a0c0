"""Writes a trial's drawn arms into the registry file that holds it; comments, order and everything else stay."""

from collections.abc import Iterable, Mapping
from typing import Any

import tomlkit

from registry.render import toml_value
from registry.toml_lines import LineMap
from schemas.registry import Placement


def fragment(placements: Iterable[Placement]) -> str:
    """Return of each of *placements* its header, its id, and its arms."""
    return "\n".join(
        "\n".join(["[[placements]]", f"id = {toml_value(placement.id)}", *_arm_lines(placement), ""])
        for placement in placements
    )


def with_arms(text: str, placements: Mapping[str, Placement]) -> str:
    """Return the registry file *text*, a sound one, with the arms of *placements* (by id) in it."""
    document = tomlkit.parse(text)
    changed: dict[int, Placement] = {}
    for number, entry in enumerate(document.get("placements", ())):
        placement = placements.get(str(entry["id"]))
        if placement is not None and not _says(entry, placement):
            entry["arm"] = placement.arm
            entry.pop("arm_days", None)
            changed[number] = placement
    lines = tomlkit.dumps(document).splitlines(keepends=True)
    where = LineMap("".join(lines))
    for number, placement in sorted(changed.items(), reverse=True):
        at = where.line(("placements", number, "arm"))
        lines[at:at] = [f"{line}\n" for line in _arm_lines(placement)[1:]]
    return "".join(lines)


def _says(entry: Mapping[str, Any], placement: Placement) -> bool:
    days = {arm: list(days) for arm, days in placement.arm_days.items()}
    return bool(entry["arm"] == placement.arm and entry.get("arm_days", {}) == days)


def _arm_lines(placement: Placement) -> list[str]:
    days = [f"arm_days = {toml_value(placement.arm_days)}"] if placement.arm_days else []
    return [f"arm = {toml_value(placement.arm)}", *days]
