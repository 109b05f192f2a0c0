"""Whether work that waits moves, told by a clock in hand."""

from typing import Any

import pytest
from kafka import TopicPartition
from kafka.admin import OffsetSpec
from kafka.structs import OffsetAndMetadata, OffsetAndTimestamp

from runtime.errors import ConfigurationError
from runtime.kafka import group_lags
from runtime.progress import LoopHeartbeat, ProgressAge
from runtime.settings import Settings
from sinks.consumer.lag import GroupProgress, LagReading, LagWatch
from tests.support.waiting import wait_until


def test_progress_ages_only_while_work_waits_and_none_is_done() -> None:
    age = ProgressAge()

    ages = [
        age.read(now, moved=moved, waiting=waiting)
        for now, moved, waiting in [(0, 1, 5), (4, 1, 5), (6, 2, 5), (9, 2, 5), (12, 2, 0), (15, 2, 3)]
    ]

    assert ages == [0, 4, 0, 3, 0, 3]


def test_a_loop_that_stands_still_is_stuck_and_one_that_turns_is_not() -> None:
    now = [100.0]
    pulse = LoopHeartbeat("it has not turned", stuck_s=10, now=lambda: now[0])
    pulse.beat()

    now[0] += 9
    assert pulse.problem() is None

    now[0] += 2
    assert pulse.problem() == "stuck: it has not turned for 11 s"
    pulse.beat()
    assert pulse.problem() is None


def test_a_loop_that_never_turned_or_has_ended_is_not_stuck() -> None:
    now = [0.0]
    pulse = LoopHeartbeat("it has not turned", stuck_s=10, now=lambda: now[0])

    now[0] = 1000
    assert pulse.problem() is None
    pulse.beat()
    pulse.end()
    now[0] = 2000

    assert pulse.problem() is None


def test_what_waits_stands_still_only_where_nothing_is_read_or_committed() -> None:
    progress, waiting, none = GroupProgress(), {TopicPartition("t", 0): 7}, {TopicPartition("t", 0): 0}

    progress.look(LagReading(waiting, 0), taken=0, now=0.0)
    progress.look(LagReading(waiting, 0), taken=0, now=30.0)
    assert (progress.standing_s, progress.went_on_at) == (30.0, float("-inf"))

    # A slow store: records are read and not committed yet, so the reader is well, and its last failure stands.
    progress.look(LagReading(waiting, 0), taken=5, now=40.0)
    assert (progress.standing_s, progress.went_on_at) == (0.0, float("-inf"))

    progress.look(LagReading(waiting, 5), taken=5, now=50.0)
    assert (progress.standing_s, progress.went_on_at) == (0.0, 50.0)

    progress.look(LagReading(none, 5), taken=5, now=90.0)
    assert (progress.standing_s, progress.went_on_at) == (0.0, 90.0)


class OneTopic:
    """A cluster with one partition, from offset 10 to 30, that says what a group has committed."""

    def __init__(self, committed: dict[TopicPartition, int]) -> None:
        self._committed = committed

    def list_group_offsets(self, groups: dict[str, None]) -> dict[str, dict[TopicPartition, Any]]:
        marks = {part: OffsetAndMetadata(offset, "", -1) for part, offset in self._committed.items()}
        return dict.fromkeys(groups, marks)

    def describe_topics(self, topics: list[str]) -> list[dict[str, Any]]:
        return [{"name": topics[0], "partitions": [{"partition_index": 0}]}]

    def list_partition_offsets(self, asked: dict[TopicPartition, int]) -> dict[TopicPartition, Any]:
        (sort,) = set(asked.values())
        return dict.fromkeys(asked, OffsetAndTimestamp(10 if sort == OffsetSpec.EARLIEST else 30, 0, None))


@pytest.mark.parametrize(("committed", "lag"), [({0: 25}, 5), ({0: 30}, 0), ({}, 20), ({0: 4}, 20), ({0: 900}, 20)])
def test_a_group_lags_from_what_it_committed_to_the_end_and_from_the_beginning_where_that_is_gone(
    committed: dict[int, int], lag: int
) -> None:
    part, other = TopicPartition("t", 0), TopicPartition("gone", 0)
    marks = {TopicPartition("t", number): offset for number, offset in committed.items()} | {other: 1000}

    assert group_lags(OneTopic(marks), "g", ["t"]) == ({part: lag}, sum(committed.values()))


def test_the_watch_goes_on_after_an_error_that_nobody_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    failures: list[Exception] = [ConfigurationError("the authority cannot be read"), KeyError("partition")]

    def lags(*_: object) -> tuple[dict[TopicPartition, int], int]:
        if failures:
            raise failures.pop()
        return {}, 7

    monkeypatch.setattr("sinks.consumer.lag.EVERY_S", 0.01)
    monkeypatch.setattr("sinks.consumer.lag.make_admin", lambda *_, **__: KafkaAdmin())
    monkeypatch.setattr("sinks.consumer.lag.group_lags", lags)
    watch = LagWatch(Settings().kafka, {"pilot-events.v1": "pilot-events.v1"}, "sink", lambda: 0)
    watch.start()
    try:
        wait_until(lambda: watch.progress.went_on_at > 0 or not watch.is_alive())
        assert watch.progress.went_on_at > 0
    finally:
        watch.stop()


class KafkaAdmin:
    """As much of an admin client as the watch holds."""

    def close(self) -> None:
        """Nothing is open."""
