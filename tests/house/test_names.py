"""Names and shapes that a stranger reads by: a class name means one thing, and says more than one word of it."""

import ast
import re
from collections import Counter
from collections.abc import Iterator

from tests.house.test_house import modules, tracked
from tests.support.paths import ROOT, TESTS

MOST_ONE_WORD_NAMES = 0.25
"""Nouns of the field stay (Topic, Placement, Registry); where most names were one word, several things shared each."""
WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z][a-z0-9]*|[A-Z]+")
LIBRARY_BORDERS = {
    "producers/gateway/asgi.py",  # the server's scope and messages
    "producers/gateway/http_request.py",  # the same scope
    "producers/gateway/routes.py",  # the framework's parameters of a request
    "producers/publisher.py",  # the client's producer, which ships no types
}
SLEEPERS = {
    "avenue/client/replay.py",  # the pause that tenacity takes, given to it so that tests move the clock
    "avenue/client/resize.py",  # watches for so long whether anybody publishes: a fixed time, and no retry
    "avenue/embedded/child.py",  # runs without site packages
    "avenue/embedded/stack.py",  # the supervisor's tick, which a signal ends
    "avenue/embedded/supervisor.py",  # the same, while a child drains
}


def trees() -> list[tuple[str, ast.Module]]:
    return [(str(path.relative_to(ROOT)), ast.parse(path.read_text())) for path in modules()]


def classes() -> Iterator[tuple[str, str]]:
    return ((path, node.name) for path, tree in trees() for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def one_word(names: list[str]) -> list[str]:
    return [name for name in names if len(WORDS.findall(name.lstrip("_"))) == 1]


def of_any(tree: ast.Module, name: str) -> bool:
    annotated = ((node.arg, node.annotation) for node in ast.walk(tree) if isinstance(node, ast.arg))
    assigned = (
        (node.target.id, node.annotation)
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    )
    return any(
        named == name and annotation is not None and ast.unparse(annotation) == "Any"
        for named, annotation in (*annotated, *assigned)
    )


def sleeps(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.Attribute) and node.attr == "sleep" and ast.unparse(node.value) == "time"
        for node in ast.walk(tree)
    )


def test_a_public_class_name_stands_once() -> None:
    public = [(path, name) for path, name in classes() if not name.startswith("_")]
    counts = Counter(name for _, name in public)

    assert len(public) > 300
    assert sorted(f"{name} in {path}" for path, name in public if counts[name] > 1) == []


def test_few_class_names_are_one_word() -> None:
    names = [name for _, name in classes()]

    assert len(names) > 400
    assert one_word(["Topic", "_Stand", "TopicSpec", "_HTTPAnswer"]) == ["Topic", "_Stand"]
    assert len(one_word(names)) <= MOST_ONE_WORD_NAMES * len(names), sorted(one_word(names))


def test_no_event_is_any() -> None:
    assert of_any(ast.parse("def judge(event: Any) -> None: ..."), "event")
    assert [path for path, tree in trees() if of_any(tree, "event")] == []


def test_what_the_producers_take_apart_and_make_is_typed() -> None:
    """A platform's document is `object` until it is looked at, an event's fields have their types."""
    untyped = {
        path
        for path, tree in trees()
        if path.startswith("producers/") and any(isinstance(n, ast.Name) and n.id == "Any" for n in ast.walk(tree))
    }

    assert untyped == LIBRARY_BORDERS


def test_helpers_of_tests_have_a_folder() -> None:
    flat = [path.name for path in tracked("tests/*.py") if path.parent == TESTS]

    assert flat == ["conftest.py"]


def test_waits_with_an_end_go_by_the_one_place_for_them() -> None:
    """A hand-made loop of `time.sleep` has a deadline, or it has none: `runtime.retries` always has."""
    assert {path for path, tree in trees() if sleeps(tree)} == SLEEPERS


def test_each_decision_has_a_number_of_its_own() -> None:
    headed = {path.name: re.findall(r"^# (\d+)", path.read_text())[:1] for path in tracked("docs/decisions/*.md")}

    assert len(headed) > 20
    assert [name for name, number in headed.items() if [int(name[:4])] != [int(digits) for digits in number]] == []
    assert [number for number, times in Counter(name[:4] for name in headed).items() if times > 1] == []
