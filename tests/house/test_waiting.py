"""Tests wait in one way: whoever sleeps, or loops until a deadline, has one more poller to understand."""

import ast

import pytest

from tests.support.paths import TESTS
from tests.support.waiting import wait_until, wait_until_answered, wait_until_equal

OWN_CLOCK = {
    "waiting.py": "the one way",
    "pause_points.py": "runs in the product's processes, and holds them",
    "slow_broker.py": "is slow on purpose",
}


def waits(tree: ast.AST) -> list[int]:
    """Return the lines of *tree* that sleep, or loop while the clock has not come to something."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Call | ast.While)]
    return sorted(node.lineno for node in nodes if _sleeps(node) or _loops_by_the_clock(node))


def _sleeps(node: ast.AST) -> bool:
    """Return whether *node* is a call of a sleep of more than nothing; `sleep(0)` lets an event loop go on."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "sleep"):
        return False
    return not (node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0)


def _loops_by_the_clock(node: ast.AST) -> bool:
    if not isinstance(node, ast.While):
        return False
    asked = [node.test, *(item for item in node.body if isinstance(item, ast.Assert | ast.If))]
    return any(
        isinstance(part, ast.Attribute) and part.attr in {"monotonic", "perf_counter"}
        for item in asked
        for part in ast.walk(item)
    )


def test_nothing_in_the_tests_waits_by_itself() -> None:
    paths = [path for path in TESTS.rglob("*.py") if path.name not in OWN_CLOCK]
    assert len(paths) > 100
    assert [f"{path.relative_to(TESTS)}:{line}" for path in paths for line in waits(ast.parse(path.read_text()))] == []


@pytest.mark.parametrize(
    "code",
    [
        "time.sleep(0.1)",
        "await asyncio.sleep(LOOK_S)",
        "while not done() and time.monotonic() < deadline:\n    look()",
        "while not done():\n    assert time.monotonic() < deadline",
    ],
)
def test_a_poller_of_its_own_would_be_seen(code: str) -> None:
    assert waits(ast.parse(code)) == [1]


def test_what_a_look_finds_is_returned_as_soon_as_it_is_true() -> None:
    found = iter([None, "", "the third"])

    assert wait_until(lambda: next(found)) == "the third"


def test_what_never_comes_fails_with_the_words_of_that_time() -> None:
    looks: list[int] = []

    with pytest.raises(AssertionError, match=r"seen \d+ times: not within 0\.01 s"):
        wait_until(lambda: looks.append(1), 0.01, lambda: f"seen {len(looks)} times")


def test_what_is_read_last_is_told() -> None:
    with pytest.raises(AssertionError, match="3 is not 4"):
        wait_until_equal(lambda: 3, 4, 0.01)


def test_what_a_look_raises_is_raised_at_once() -> None:
    nothing: dict[str, int] = {}

    with pytest.raises(KeyError):
        wait_until(lambda: nothing["key"])


async def test_an_answer_is_awaited() -> None:
    async def ask() -> int:
        return 3

    assert await wait_until_answered(ask) == 3
