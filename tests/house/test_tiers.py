"""What names a test by its path names one that is there."""

import re

import pytest

from tests.support.mutants import GROUPS
from tests.support.paths import ROOT, TESTS
from tests.support.tiers import OFFLINE, TIERS


@pytest.mark.parametrize("name", GROUPS)
def test_a_group_of_mutants_names_modules_and_tests_that_are_there(name: str) -> None:
    group = GROUPS[name]
    assert group.modules
    assert group.tests
    assert [pattern for pattern in (*group.modules, *group.tests) if not list(ROOT.glob(pattern))] == []


def test_every_folder_with_tests_is_a_tier_and_contributors_are_told_of_it() -> None:
    told = (ROOT / "CONTRIBUTING.md").read_text()
    found = {path.relative_to(TESTS).parts[0] for path in TESTS.rglob("test_*.py")}

    assert found == set(TIERS)
    assert set(re.findall(r"^\| `tests/(\w+)` \|", told, re.MULTILINE)) == found
    assert set(OFFLINE) < found
