"""What is kept of summed days: bounded, oldest look first out, lists as arrays."""

import numpy as np

from reports.queries.metric_columns import merged
from reports.queries.rollup_cache import RollupCache


def test_what_was_not_looked_at_for_longest_goes_first_when_room_runs_out() -> None:
    cache = RollupCache(max_bytes=1000)
    cache.put("a", [(1,) * 10])
    cache.put("b", [(2,) * 10])
    assert cache.get("a") == ((1,) * 10,)

    cache.put("c", [(3,) * 10])

    assert [cache.get(key) is not None for key in "abc"] == [True, False, True]


def test_an_answer_larger_than_all_room_is_given_and_not_kept() -> None:
    cache = RollupCache(max_bytes=100)

    found = cache.put("a", [(1,) * 10])

    assert (found, cache.get("a")) == (((1,) * 10,), None)


def test_lists_of_numbers_are_kept_as_arrays_that_hold_each_number() -> None:
    ((small, large, none),) = RollupCache().put("a", [([1, 2**32 - 1], [1, 1_790_000_000_000], [])])

    assert (small.dtype, large.dtype) == (np.uint32, np.int64)
    assert (small.tolist(), large.tolist(), none.tolist()) == ([1, 2**32 - 1], [1, 1_790_000_000_000], [])


def test_registers_merge_to_the_highest_rank_and_bins_to_the_bin_of_the_rank() -> None:
    parts = [
        {
            "m_events": 2,
            "m_timed_uses": 3,
            "r_subjects": [1 << 6 | 3, 5 << 6 | 1],
            "bins_at": [10, 20],
            "bins_n": [2, 1],
        },
        {"m_events": 1, "m_timed_uses": 2, "r_subjects": [1 << 6 | 2], "bins_at": [20, 30], "bins_n": [1, 1]},
    ]

    row = merged(("subjects", "duration_p50", "duration_p95"), parts)

    assert (row["m_events"], row["seen_subjects"], row["power_subjects"]) == (3, 2, 0.125 + 0.5)
    assert (row["q_50"], row["q_95"]) == (20, 30)
