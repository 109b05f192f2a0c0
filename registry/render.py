"""Writes a registry as the file it could have been read from: `check_registry(render(r)).registry == r`."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

from pydantic import BaseModel

from registry.draft import ENTRY_TYPES
from schemas.registry import Registry, RegistryEntry

_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def render(registry: Registry) -> str:
    """Return *registry* as TOML; fields with their default are left out."""
    lines = ["demo = true", ""] if registry.demo else []
    lines += ["[avenue]", *_pairs(registry.avenue)]
    for entry_type in ENTRY_TYPES:
        for entry in getattr(registry, entry_type):
            lines += ["", f"[[{entry_type}]]", *_pairs(entry)]
    return "\n".join(lines) + "\n"


def _pairs(entry: RegistryEntry) -> Iterator[str]:
    for name, info in type(entry).model_fields.items():
        value = getattr(entry, name)
        if value != info.get_default(call_default_factory=True):
            yield f"{info.alias or name} = {toml_value(value)}"


def toml_value(value: Any) -> str:
    """Return *value*, of a field of the registry, as it is written in the file."""
    match value:
        case list():
            return f"[{', '.join(map(toml_value, value))}]"
        case BaseModel():
            named = ((info.alias or n, getattr(value, n)) for n, info in type(value).model_fields.items())
            return _table((name, inner) for name, inner in named if inner is not None)
        case dict():
            return _table(value.items())
        case _:
            return _scalar(value)


def _scalar(value: Any) -> str:
    match value:
        case date():
            # A moment is one too.
            return value.isoformat()
        case bool() | str():
            # A JSON string is a TOML basic string, but for DEL.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case _:
            return repr(value)


def _table(items: Any) -> str:
    pairs = ", ".join(f"{_key(name)} = {toml_value(value)}" for name, value in items)
    return f"{{ {pairs} }}" if pairs else "{}"


def _key(name: str) -> str:
    return name if name and set(name) <= _BARE else toml_value(name)
