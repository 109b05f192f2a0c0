"""What names a test by its path names one that is there."""

import re

import pytest

from tests.support.mutants import GROUPS
from tests.support.paths import ROOT, TESTS
from tests.support.tiers import OFFLINE, TIERS, group_of


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


def test_what_needs_something_real_stays_with_its_module_or_its_group(request: pytest.FixtureRequest) -> None:
    """Unless its name says so to the scheduler, each worker of `make test` starts every module's stack for itself."""
    groups = {item.nodeid: group_of(item) for item in request.session.items}
    real = {name: group for name, group in groups.items() if not name.startswith(tuple(f"tests/{t}/" for t in OFFLINE))}

    assert groups[request.node.nodeid] == ""
    assert [name for name, group in real.items() if not group] == []
    if getattr(request.config.option, "loadgroup", False):
        assert [name for name, group in real.items() if not name.endswith(f"@{group}")] == []
