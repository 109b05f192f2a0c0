"""Finds tests that hold of nothing: each of their checks stands where an empty answer leads round it."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

RAISING = {
    *("raises", "warns", "fail", "expect"),  # of pytest and Playwright
    *("wait_until", "wait_until_equal", "wait_until_answered", "wait_until_in_loop"),  # of tests/support/waiting.py
}
WAITING = ("assert_", "check", "agree", "wait", "await")
KEEPS_SIZE = {"enumerate", "sorted", "list", "tuple", "reversed", "set", "items", "keys", "values"}
COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
OWN_SCOPE = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Function:
    """A function of the tests, and the names of its module that surely hold something."""

    path: Path
    node: ast.FunctionDef | ast.AsyncFunctionDef
    filled: frozenset[str]


@dataclass
class Names:
    """What names hold: surely something, or what was gathered from what may be empty."""

    filled: set[str]
    gathered: set[str] = field(default_factory=set)


def hollow_tests(paths: Iterable[Path]) -> list[tuple[Path, str]]:
    """Return path and name of each test without a check that is made whatever the code under test answers.

    A check is an assert, `pytest.raises` and its like, or a call of a helper that makes one.
    It does not count inside a loop, nor if it says only that nothing was found, unless what is gone through is
    written out in the test or its module; nor where only one branch of an `if` makes it.
    """
    functions = [function for path in paths for function in _functions(path)]
    checkers: set[str] = set()
    while more := {f.node.name for f in functions if f.node.name not in checkers and _is_checker(f, checkers)}:
        checkers |= more
    tests = [function for function in functions if function.node.name.startswith("test_")]
    return [(test.path, test.node.name) for test in tests if not checks_surely(test, checkers)]


def checks_surely(function: Function, checkers: set[str]) -> bool:
    """Tell whether *function* checks something however little the code under test answers."""
    names = Names(set(function.filled))
    for statement in function.node.body:
        _learn(statement, names)
    return any(_sure(statement, names, checkers) for statement in function.node.body)


def _is_checker(function: Function, checkers: set[str]) -> bool:
    return not function.node.name.startswith("test_") and checks_surely(function, checkers)


def _functions(path: Path) -> Iterator[Function]:
    tree = ast.parse(path.read_text())
    names = Names(set())
    for statement in tree.body:
        _learn(statement, names)
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS):
            yield Function(path, node, frozenset(names.filled))


def _learn(statement: ast.stmt, names: Names) -> None:
    """Note what *statement* binds a name to."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            pass
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            pass
        case _:
            return
    if _is_filled(value, names):
        names.filled.add(name)
    elif isinstance(value, COMPREHENSIONS | ast.List | ast.Dict):
        names.gathered.add(name)


def _is_filled(node: ast.expr, names: Names) -> bool:
    """Tell whether going through *node* surely yields something."""
    filled = False
    match node:
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            filled = any(not isinstance(item, ast.Starred) or _is_filled(item.value, names) for item in items)
        case ast.Dict(keys=keys):
            filled = any(key is not None for key in keys)
        case ast.Constant(value=str() | bytes() as text):
            filled = bool(text)
        case ast.Name(id=name):
            filled = name in names.filled
        case ast.Call():
            filled = _call_is_filled(node, names)
        case ast.BinOp(left=left, op=ast.Add() | ast.BitOr(), right=right):
            filled = _is_filled(left, names) or _is_filled(right, names)
    return filled


def _call_is_filled(call: ast.Call, names: Names) -> bool:
    match call.args:
        case [ast.Constant(value=int() as end)] if _called(call) == "range":
            return end > 0
        case [ast.Constant(value=int() as begin), ast.Constant(value=int() as end), *_] if _called(call) == "range":
            return end > begin
    if _called(call) in {"zip", "product"}:
        return all(_is_filled(argument, names) for argument in call.args)
    if _called(call) not in KEEPS_SIZE:
        return False
    taken = call.args[0] if call.args else call.func.value if isinstance(call.func, ast.Attribute) else None
    return taken is not None and _is_filled(taken, names)


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _sure(node: ast.AST, names: Names, checkers: set[str]) -> bool:
    """Tell whether *node* makes a check that nothing leads round."""
    reached: list[ast.AST] = list(ast.iter_child_nodes(node))
    match node:
        case ast.Assert(test=test):
            return not _holds_of_nothing(test, names)
        case ast.If(body=body, orelse=orelse):
            return all(any(_sure(child, names, checkers) for child in branch) for branch in (body, orelse))
        case ast.Call() if _is_check(node, checkers):
            return True
        case ast.For(iter=gone_through) | ast.AsyncFor(iter=gone_through) if not _is_filled(gone_through, names):
            reached = [gone_through, *node.orelse]
        case ast.While(test=test) if not isinstance(test, ast.Constant):
            reached = [test]
    if isinstance(node, OWN_SCOPE) or (isinstance(node, COMPREHENSIONS) and not _goes_through_something(node, names)):
        return False
    return any(_sure(child, names, checkers) for child in reached)


def _is_check(call: ast.Call, checkers: set[str]) -> bool:
    name = _called(call)
    if name in RAISING:
        return True
    of_self = isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "self"
    return name in checkers and (isinstance(call.func, ast.Name) or of_self or name.startswith(WAITING))


def _goes_through_something(node: ast.expr, names: Names) -> bool:
    assert isinstance(node, COMPREHENSIONS)
    return all(_is_filled(generator.iter, names) and not generator.ifs for generator in node.generators)


def _holds_of_nothing(test: ast.expr, names: Names) -> bool:
    """Tell whether *test* would hold if nothing had been found, read or gone through."""
    hollow = False
    match test:
        case ast.Call(func=ast.Name(id="all"), args=[ast.GeneratorExp() | ast.ListComp() as each]):
            hollow = not _goes_through_something(each, names)
        case ast.UnaryOp(op=ast.Not(), operand=ast.Call(func=ast.Name(id="any"), args=[ast.GeneratorExp() as each])):
            hollow = _is_absence(each.elt) or not _goes_through_something(each, names)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            hollow = _is_gathered(operand, names)
        case ast.Compare(ops=[ast.NotIn()]):
            hollow = True
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[ast.List(elts=[]) | ast.Dict(keys=[])]):
            hollow = _is_gathered(left, names)
        case ast.BoolOp(values=values):
            hollow = all(_holds_of_nothing(value, names) for value in values)
    return hollow


def _is_absence(element: ast.expr) -> bool:
    """Tell whether it is in what was found that *element* looks for something, and that nothing is there is right."""
    return isinstance(element, ast.Compare) and isinstance(element.ops[0], ast.In)


def _is_gathered(node: ast.expr, names: Names) -> bool:
    """Tell whether *node* gathers what was found in something that may be empty."""
    match node:
        case ast.Name(id=name):
            return name in names.gathered
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _is_gathered(left, names) and _is_gathered(right, names)
        case ast.ListComp() | ast.SetComp() | ast.DictComp():
            return not _is_filled(node.generators[0].iter, names)
    return False
