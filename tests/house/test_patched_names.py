"""What tests replace by its dotted name is there: a renaming would otherwise be seen only where that test runs."""

import ast
import pkgutil
from collections.abc import Iterator

import pytest

from tests.support.paths import ROOT


def patched(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted names that *tree* gives to `setattr` as texts."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "setattr":
            continue
        target = node.args[0] if node.args else None
        if isinstance(target, ast.Constant) and isinstance(target.value, str):
            yield target.value


NAMES = sorted({name for path in (ROOT / "tests").rglob("*.py") for name in patched(ast.parse(path.read_text()))})


def test_there_are_such_names() -> None:
    assert len(NAMES) > 10
    assert list(patched(ast.parse("patch.setattr('a.b.c', 1); patch.setattr(module, 'name', 1)"))) == ["a.b.c"]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_replaced_is_there(name: str) -> None:
    assert pkgutil.resolve_name(name) is not None


def test_a_name_that_is_gone_is_seen() -> None:
    with pytest.raises(AttributeError):
        pkgutil.resolve_name("sinks.settlement.blocks.Gone")
