"""Write the contracts as JSON Schema into `schemas/json`: `python -m schemas.export`; `--check` only compares."""

import inspect
import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from schemas.cells import CellRow, ProgressRow, SourceRow
from schemas.event import PilotEvent
from schemas.lines import DeliveryLine, RejectLine, StoredEvent
from schemas.registry import Registry

FOLDER = Path(__file__).parent / "json"


def documents() -> dict[str, dict[str, Any]]:
    """Return every published schema by file name."""
    lines: dict[str, type[msgspec.Struct]] = {
        "pilot-events.v1": StoredEvent,
        "pilot-rejects.v1": RejectLine,
        "pilot-deliveries.v1": DeliveryLine,
        "product-metrics.v1.cells": CellRow,
        "product-metrics.v1.progress": ProgressRow,
        "product-metrics.v1.source": SourceRow,
    }
    return {
        "event.v1.schema.json": _portable(PilotEvent.model_json_schema()),
        "registry.v1.schema.json": _portable(Registry.model_json_schema(by_alias=True)),
        **{f"{name}.schema.json": msgspec.json.schema(line) for name, line in lines.items()},
    }


def _portable(node: Any) -> Any:
    """Return *node* with patterns as JSON Schema reads them (ECMA 262), where `$` alone is the end of a text."""
    if isinstance(node, dict):
        return {
            key: value.replace(r"\Z", "$") if key == "pattern" and isinstance(value, str) else _portable(value)
            for key, value in node.items()
        }
    return [_portable(item) for item in node] if isinstance(node, list) else node


def _tidy(node: Any) -> Any:
    """Return *node* with descriptions indented alike: Python 3.13 strips docstrings, older ones do not."""
    if isinstance(node, dict):
        return {
            key: inspect.cleandoc(value) if key == "description" and isinstance(value, str) else _tidy(value)
            for key, value in node.items()
        }
    return [_tidy(item) for item in node] if isinstance(node, list) else node


def rendered() -> dict[str, str]:
    """Return the text of every schema file."""
    return {
        name: json.dumps(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **_tidy(schema)}, indent=2, ensure_ascii=False
        )
        + "\n"
        for name, schema in documents().items()
    }


def drifted() -> list[str]:
    """Return the names of files that do not say what the code says."""
    wanted = rendered()
    present = {path.name: path.read_text() for path in FOLDER.glob("*.schema.json")}
    return sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` name those that drifted and return 1."""
    if "--check" in arguments:
        names = drifted()
        if names:
            print(f"run `python -m schemas.export`: {', '.join(names)}", file=sys.stderr)  # noqa: T201 - a command
        return 1 if names else 0
    FOLDER.mkdir(exist_ok=True)
    for name, text in rendered().items():
        (FOLDER / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
