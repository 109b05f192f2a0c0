"""The tiers of tests, each a folder, from the quickest to the slowest; and which tests stay together."""

import os

import pytest

from tests.support.paths import TESTS

OFFLINE = ("unit", "property", "model", "house")
"""Tiers that run in one process and open no socket; `make test-unit` runs the first of them."""
TIERS = (*OFFLINE, "contract", "integration", "e2e", "fault")


def group_of(item: pytest.Item) -> str:
    """Return with which others *item* stays in one worker, '' where it may go alone.

    That is its `xdist_group`, else its module where it needs something real: a fixture of a module is made once then.
    """
    if mark := item.get_closest_marker("xdist_group"):
        return str(mark.args[0])
    tier, _, module = str(item.path.relative_to(TESTS)).partition(os.sep)
    return "" if tier in OFFLINE else f"{tier}/{module}"
