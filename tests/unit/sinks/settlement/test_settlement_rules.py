"""When a source is complete, and what explains a cell that differs: the pure parts of settlement."""

from dataclasses import replace

import pytest

from runtime.clickhouse import OperationalError
from schemas.timing import Timing
from sinks.consumer.error_codes import RetryDecision, decide
from sinks.settlement.blocks import Block
from sinks.settlement.compare import CellKey, LiveCellDifference, SourceShare, explain
from sinks.settlement.sources import SourceMark, complete_until

TIMING = Timing()
SLACK = TIMING.slack_ms
DIFFERENCE = LiveCellDifference(CellKey("b", "t", "s", "p", "a", "k", 0), Block("b", 0), 1, 2)


@pytest.mark.parametrize(
    ("mark", "until_ms"),
    [
        (SourceMark(), 0),
        # Busy: before the watermark less the slack.
        (SourceMark(5, 1_000_000, 0, 5, 1_000_000), 1_000_000 - SLACK - 1),
        # Idle: read to its end, less what may still arrive.
        (SourceMark(5, 1_000_000, 9_000_000, 5, 1_000_000), 9_000_000 - 15_000 - SLACK),
        # The worker is behind: its watermark holds it up.
        (SourceMark(5, 1_000_000, 9_000_000, 4, 900_000), 900_000 - SLACK - 1),
        # The worker never came: nothing is complete.
        (SourceMark(5, 1_000_000, 9_000_000), 0),
        # An empty partition has nothing to count.
        (SourceMark(0, 0, 9_000_000), 9_000_000 - 15_000 - SLACK),
    ],
)
def test_a_source_is_complete_up_to(mark: SourceMark, until_ms: int) -> None:
    assert complete_until({0: mark}, TIMING, 15_000) == until_ms


def test_the_slowest_source_decides() -> None:
    marks = {0: SourceMark(5, 1_000_000, 0, 5, 1_000_000), 1: SourceMark(5, 2_000_000, 0, 5, 2_000_000)}

    assert complete_until(marks, TIMING, 15_000) == 1_000_000 - SLACK - 1


def share(live: int, counted: int, *reasons: int, epoch: int = 1) -> SourceShare:
    return SourceShare(epoch, 0, 3, live, counted, reasons or (0, 0))


@pytest.mark.parametrize(
    ("shares", "explanation"),
    [
        ([share(1, 1, 2, 0)], "disorder_beyond_slack"),
        ([share(1, 1, 1, 1)], "disorder_beyond_slack+final_row_kept_back"),
        ([share(2, 2), share(1, 0, epoch=2)], "repeat_across_sources"),
        ([share(1, 1), share(1, 0, epoch=2)], "repeat_across_sources"),
        ([share(1, 1, 1, 0), share(1, 1, 0, 1, epoch=2)], "disorder_beyond_slack+final_row_kept_back"),
        # A repeat is of something that is stored, and one event too many.
        ([share(0, 0), share(1, 0, epoch=2)], "unexplained"),
        ([share(1, 1), share(1, 1, epoch=2)], "unexplained"),
        # More than is stored, and no earlier source that could have it.
        ([share(3, 2)], "unexplained"),
        # Fewer than are stored, and nothing known of the rest.
        ([share(1, 2)], "unexplained"),
        ([share(1, 2, 0, 1)], "unexplained"),
        # One source is explained, the other is not.
        ([share(2, 2, 1, 0), share(0, 1, epoch=2)], "unexplained"),
        ([share(0, 1), share(2, 2, 1, 0, epoch=2)], "unexplained"),
        # The counts agree, the content does not.
        ([share(2, 2)], "unexplained"),
        ([], "unexplained"),
    ],
)
def test_a_difference_is_explained_by_its_sources_or_not_at_all(shares: list[SourceShare], explanation: str) -> None:
    assert explain(DIFFERENCE, shares).explanation == explanation


def test_an_explained_difference_is_the_same_one_and_says_what_each_source_has() -> None:
    shares = [share(2, 2, 1, 3), share(4, 4, epoch=2), share(1, 0, epoch=3)]

    assert explain(DIFFERENCE, shares) == replace(
        DIFFERENCE,
        explanation="disorder_beyond_slack+final_row_kept_back+repeat_across_sources",
        detail="source 1/0 up to offset 3: live 2, stored 2, disorder_beyond_slack 1, final_row_kept_back 3; "
        "source 3/0 up to offset 3: live 1, stored 0",
    )


def test_content_is_split_and_everything_else_is_tried_again() -> None:
    assert decide(OperationalError("x", code=117)) is RetryDecision.SPLIT
    assert decide(OperationalError("x", code=243)) is RetryDecision.AGAIN
    assert decide(OperationalError("x")) is RetryDecision.AGAIN
