"""What cannot be undone is not done by a clock that leapt, nor at the first look."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from registry.directory import Directory
from registry.key_retention import KeyRetention, KeyRetentionActions
from runtime.clickhouse import ClickHouse
from runtime.clock import ClockWatch, ManualClock, SystemClock
from runtime.settings import ClickHouseSettings, GatewaySettings, Settings, SinkSettings
from sinks.settlement.settle import SettlementResult
from sinks.settlement_thread import SettlementThread
from tests.support.waiting import wait_until

YEAR_MS = 365 * 86_400_000


class BothClocks:
    """A wall clock and a monotonic one that go together until one of them leaps."""

    def __init__(self) -> None:
        self.wall = ManualClock(1_800_000_000_000)
        self.monotonic_s = 5.0
        self.watch = ClockWatch(self.wall, steady_s=600, monotonic_s=lambda: self.monotonic_s)

    def go(self, seconds: float) -> bool:
        """Let both go on, and tell whether the clock is believed."""
        self.wall.advance(int(seconds * 1000))
        self.monotonic_s += seconds
        return self.watch.is_steady()


def test_a_clock_is_believed_once_it_went_evenly_for_long_enough() -> None:
    clocks = BothClocks()

    assert [clocks.go(0), clocks.go(599), clocks.go(1), clocks.go(10_000)] == [False, False, True, True]


@pytest.mark.parametrize("leap_ms", [YEAR_MS, -YEAR_MS, 61_000, -61_000])
def test_a_leap_either_way_begins_the_wait_anew(leap_ms: int) -> None:
    clocks = BothClocks()
    assert clocks.go(600)

    clocks.wall.advance(leap_ms)

    assert [clocks.go(0), clocks.go(599), clocks.go(1)] == [False, False, True]


def test_a_clock_that_is_set_by_less_than_a_minute_goes_on_being_believed() -> None:
    clocks = BothClocks()
    assert clocks.go(600)

    clocks.wall.advance(59_000)

    assert clocks.go(1)


@pytest.mark.parametrize(("steady_s", "retires"), [(3600.0, False), (0.05, True)])
def test_rows_are_retired_only_by_a_clock_that_is_believed(
    steady_s: float, retires: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    looks: list[Directory] = []
    asked: list[Directory] = []

    def settle(directory: Directory) -> SettlementResult:
        looks.append(directory)
        return SettlementResult()

    def retire(directory: Directory, _waiting: object) -> SimpleNamespace:
        asked.append(directory)
        return SimpleNamespace(noted=False, left=False)

    settler = SimpleNamespace(settle=settle, settle_again=len, waiting=dict)
    monkeypatch.setattr("sinks.settlement_thread.Settler", lambda *_: settler)
    monkeypatch.setattr("sinks.settlement_thread.RetentionJob", lambda *_: SimpleNamespace(run_once=retire))
    monkeypatch.setattr("sinks.settlement_thread.wrongly_settled", lambda _clickhouse: ())
    monkeypatch.setattr("sinks.settlement_thread.measure", lambda *_: 0.0)
    monkeypatch.setattr("sinks.settlement_thread.CorrectedRejects", lambda *_: SimpleNamespace(close=list))
    monkeypatch.setattr("sinks.settlement_thread.ForgetJob", lambda *_: SimpleNamespace(run_once=list))
    monkeypatch.setattr("sinks.settlement_thread.LOOK_AGAIN_S", 0.01)
    thread = SettlementThread(
        Settings(sink=SinkSettings(settle_every_s=0.01, retire_every_s=steady_s)),
        ClickHouse(ClickHouseSettings(), path=tmp_path),
        SystemClock(),
        directory=Directory,
        leads=lambda: True,
    )

    thread.start()

    wait_until(lambda: bool(asked) if retires else len(looks) > 20)
    thread.stop()
    assert bool(asked) is retires


class LeapingClock:
    """A clock that is a year further on at each look."""

    def __init__(self) -> None:
        self.looks = 0

    def now_ms(self) -> int:
        """Return the time, and leap."""
        self.looks += 1
        return self.looks * YEAR_MS


def test_keys_are_looked_at_only_by_a_clock_that_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[KeyRetention] = []

    def run_once(self: KeyRetention) -> KeyRetentionActions:
        turns.append(self)
        return KeyRetentionActions()

    monkeypatch.setattr(KeyRetention, "run_once", run_once)
    settings, leaping = Settings(gateway=GatewaySettings(keys_every_s=0.01)), LeapingClock()
    believed = KeyRetention(settings, Directory, SystemClock())
    doubted = KeyRetention(settings, Directory, leaping)

    doubted.start()
    wait_until(lambda: leaping.looks > 10)
    doubted.stop()
    assert turns == []

    believed.start()
    wait_until(lambda: believed in turns)
    believed.stop()
