"""No test of this suite is passed by code that answers nothing."""

from pathlib import Path

import pytest

from tests.support.hollow_tests import hollow_tests
from tests.support.paths import TESTS


def test_every_test_checks_something_whatever_the_code_answers() -> None:
    paths = sorted(TESTS.rglob("*.py"))
    hollow = [f"{path.relative_to(TESTS)} {name}" for path, name in hollow_tests(paths)]

    assert len(paths) > 150
    assert hollow == [], "assert first that there is something: see tests/support/hollow_tests.py"


@pytest.mark.parametrize(
    "body",
    [
        "found()",
        "for x in found():\n    assert x",
        "while x := found():\n    assert x",
        "assert all(x for x in found())",
        "assert all([x for x in (1, 2) if x in found()])",
        "assert not any(x for x in found())",
        "assert not any(x in found() for x in (1, 2))",
        "wrong = [x for x in found() if x]\nassert wrong == []",
        "wrong = []\nfor x in found():\n    wrong.append(x)\nassert not wrong",
        "assert [x for x in found() if x] + [x for x in found() if not x] == []",
        "for x in ('a', 'b'):\n    assert x not in found()",
        "if found():\n    assert found()",
        "def check():\n    assert found()",
        "for x in found():\n    with pytest.raises(ValueError):\n        x()",
        "look()",
    ],
)
def test_what_holds_of_nothing_is_hollow(tmp_path: Path, body: str) -> None:
    assert names(tmp_path, body) == ["test_it"]


@pytest.mark.parametrize(
    "body",
    [
        "assert found()",
        "assert len(found()) == 2\nfor x in found():\n    assert x",
        "for x in ('a', 'b'):\n    assert x in found()",
        "for x, y in {1: 2}.items():\n    assert found(x) == y",
        "for x in ITEMS:\n    assert found(x)",
        "for n in range(3):\n    assert found(n)",
        "assert all(x in found() for x in ITEMS)",
        "assert [x for x in ITEMS if found(x)] == []",
        "assert found() == []",
        "assert not found()",
        "with pytest.raises(ValueError):\n    found()",
        "if found():\n    assert found()\nelse:\n    assert other()",
        "check_it(found())",
        "while True:\n    assert found()",
    ],
)
def test_what_needs_an_answer_is_not(tmp_path: Path, body: str) -> None:
    assert names(tmp_path, body) == []


def names(folder: Path, body: str) -> list[str]:
    """Return the hollow ones of a module with a test of this *body*."""
    inner = "\n".join(f"    {line}" for line in body.splitlines())
    path = folder / "test_one.py"
    path.write_text(
        "ITEMS = (1, 2)\n"
        "def check_it(found):\n    assert found\n"
        "def look():\n    for x in found():\n        assert x\n"
        f"def test_it():\n{inner}\n"
    )
    return [name for _, name in hollow_tests([path])]
