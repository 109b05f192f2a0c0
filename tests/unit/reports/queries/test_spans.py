"""Arithmetic of spans, and the street's calendar."""

from datetime import datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from reports.queries.model import Interval
from reports.queries.presence import alive_spans, on_spans
from reports.queries.spans import by_step, iso, merged, open_spans, overlap, step_start, total_ms
from schemas.event import parse_time_ms
from schemas.registry import OpeningHours
from schemas.timing import DAY_MS
from tests.support.reports_harness import HOUR, at

PAIRS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12)
SHANGHAI = ZoneInfo("Asia/Shanghai")


def points(spans: list[tuple[int, int]]) -> set[int]:
    return {point for start, end in spans for point in range(start, end)}


@given(PAIRS, PAIRS)
def test_merging_and_overlapping_are_those_of_sets(left: list[tuple[int, int]], right: list[tuple[int, int]]) -> None:
    assert points(merged(left)) == points(left)
    assert points(overlap(merged(left), merged(right))) == points(left) & points(right)
    assert total_ms(merged(left)) == len(points(left))


@given(
    st.lists(st.tuples(st.integers(0, 10 * DAY_MS), st.integers(0, 10 * DAY_MS)), max_size=5),
    st.sampled_from(["hour", "day"]),
)
def test_buckets_share_out_the_whole(pairs: list[tuple[int, int]], step: str) -> None:
    spans = merged(pairs)

    shared = list(by_step(spans, step))  # type: ignore[arg-type]  # drawn from the closed set

    assert sum(ms for _, ms in shared) == total_ms(spans)
    assert all(step_start(bucket, step) == bucket for bucket, _ in shared)  # type: ignore[arg-type]  # as above


@given(st.integers(at("2000-01-01T00:00"), at("2100-01-01T00:00")))
def test_a_day_begins_at_midnight_in_shanghai(at_ms: int) -> None:
    local = datetime.fromtimestamp(at_ms / 1000, SHANGHAI)
    start = datetime.fromtimestamp(step_start(at_ms, "day") / 1000, SHANGHAI)

    assert (start.date(), start.hour, start.minute) == (local.date(), 0, 0)
    assert parse_time_ms(iso(at_ms)) == at_ms


def test_opening_hours_repeat_daily_and_may_pass_midnight() -> None:
    two_days = Interval(at("2026-11-20T00:00"), at("2026-11-22T00:00"))

    late = open_spans(OpeningHours(opens="18:00", closes="02:00"), two_days)

    assert total_ms(open_spans(OpeningHours(), two_days)) == 2 * DAY_MS
    assert total_ms(open_spans(OpeningHours(opens="09:00", closes="21:30"), two_days)) == 25 * HOUR
    assert late[0] == (at("2026-11-20T00:00"), at("2026-11-20T02:00"))
    assert total_ms(late) == (2 + 8 + 6) * HOUR


def test_on_lasts_from_the_first_online_to_the_next_offline() -> None:
    switches = [(1, True), (2, True), (5, False), (6, False), (8, True)]

    assert on_spans(switches, 10) == [(1, 5), (8, 10)]
    assert on_spans([(3, False)], 10) == []


def test_a_silence_longer_than_allowed_is_out_as_a_whole() -> None:
    heartbeats = [(0, 2), (5, 5), (20, 21)]

    assert alive_spans(heartbeats, 4, 24) == [(0, 5), (20, 24)]
    assert alive_spans(heartbeats, 4, 30) == [(0, 5), (20, 21)]
    assert alive_spans(heartbeats, 15, 30) == [(0, 30)]
