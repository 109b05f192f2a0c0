"""A document as its single values, each under a path that a person can read, and what differs between two."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Leaf = str | int | float | bool | None
"""A single value of a document."""
LABELS = ("id", "metric", "placement", "check", "code", "kind", "arm", "start", "day", "place", "topic")
"""By the first of these that it has, and by what it is split by, an item of a list is named."""
TOLERANCE = 1e-9
"""Relative: sums in another order, or on another processor, differ in the last digits of a floating-point number."""


def leaves(tree: Any, path: str = "") -> dict[str, Leaf]:
    """Return every value of *tree* by its path."""
    return dict(_leaves(tree, path))


def same(left: Leaf, right: Leaf) -> bool:
    """Tell whether two values are one; numbers as far as floating point can tell."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float) and isinstance(right, int | float):
        if isinstance(left, int) and isinstance(right, int):
            return left == right
        return abs(left - right) <= TOLERANCE * max(abs(left), abs(right))
    return left == right


def told(value: Leaf) -> str:
    """Return *value* for a line of differences."""
    return "nothing" if value is None else repr(value) if isinstance(value, str) else str(value)


def _leaves(tree: Any, path: str) -> Iterator[tuple[str, Leaf]]:
    if isinstance(tree, Mapping):
        for name, value in tree.items():
            yield from _leaves(value, f"{path}.{name}" if path else str(name))
        if not tree and path:
            yield f"{path}{{}}", 0
    elif isinstance(tree, list | tuple):
        yield f"{path}[]", len(tree)
        for name, value in _named(tree):
            yield from _leaves(value, f"{path}[{name}]")
    else:
        yield path, tree


def _named(items: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    names = [_name(item) for item in items]
    for number, (name, item) in enumerate(zip(names, items, strict=True)):
        yield (name if name and names.count(name) == 1 else str(number)), item


def _name(item: Any) -> str:
    """Return what an item of a list is called, or nothing where it has no name."""
    if isinstance(item, Mapping):
        found = [str(item[label]) for label in LABELS if isinstance(item.get(label), str | int)][:1]
        by = item.get("by")
        if isinstance(by, Mapping):
            found += [f"{name}={value}" for name, value in sorted(by.items())]
        return ";".join(found)
    if isinstance(item, list | tuple) and item and isinstance(item[0], str):
        return item[0]
    return ""
