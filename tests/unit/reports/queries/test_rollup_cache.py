"""Rows of summed days are kept up to a number of bytes, and what was not looked at for longest goes first."""

import numpy as np

from reports.queries.context import RollupCache

# A list of 100 small numbers is kept as 400 bytes, and each of a row's two values counts 40 more.
ROWS = [[1, list(range(100))]]
BYTES = 480


def test_what_was_not_looked_at_for_longest_goes_first() -> None:
    cache = RollupCache(max_bytes=2 * BYTES)
    cache.put("a", ROWS)
    cache.put("b", ROWS)
    assert cache.get("a") is not None

    cache.put("c", ROWS)

    assert [key for key in ("a", "b", "c") if cache.get(key) is not None] == ["a", "c"]


def test_rows_larger_than_all_that_is_kept_are_given_back_and_not_kept() -> None:
    cache = RollupCache(max_bytes=BYTES - 1)

    rows = cache.put("a", ROWS)

    assert rows[0][0] == 1
    assert np.array_equal(rows[0][1], np.arange(100))
    assert cache.get("a") is None


def test_no_rows_are_an_answer_too() -> None:
    cache = RollupCache(max_bytes=BYTES)
    cache.put("a", [])
    assert cache.get("a") == ()
    assert cache.get("b") is None
