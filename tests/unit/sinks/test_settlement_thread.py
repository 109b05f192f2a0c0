"""A sink that no longer settles shows no sums: what it knew would stand for ever, and page somebody."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from registry.directory import Directory
from runtime.clickhouse import ClickHouse
from runtime.clock import SystemClock
from runtime.metrics import CONSERVATION_GAP, RECONCILE_DIFFERENCE, STORE_FREE
from runtime.settings import ClickHouseSettings, Settings, SinkSettings
from sinks.reconciliation.incremental import RunningSums
from sinks.settlement.settle import SettlementResult
from sinks.settlement_thread import SettlementThread
from tests.support.waiting import wait_until


def test_what_it_measured_goes_with_its_leadership(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def measured(_clickhouse: ClickHouse, _running: RunningSums) -> float:
        CONSERVATION_GAP.labels("stored").set(3)
        RECONCILE_DIFFERENCE.set(2)
        STORE_FREE.labels("default").set(0.05)
        return 0.0

    settled = SimpleNamespace(settle=lambda _directory: SettlementResult(), settle_again=len, waiting=dict)
    monkeypatch.setattr("sinks.settlement_thread.Settler", lambda *_: settled)
    monkeypatch.setattr("sinks.settlement_thread.measure", measured)
    leads = [True]
    thread = SettlementThread(
        Settings(sink=SinkSettings(settle_every_s=0.01)),
        ClickHouse(ClickHouseSettings(), path=tmp_path),
        SystemClock(),
        directory=Directory,
        leads=lambda: leads[0],
    )
    thread.start()
    wait_until(lambda: RECONCILE_DIFFERENCE._value.get() == 2)

    leads[0] = False

    wait_until(lambda: RECONCILE_DIFFERENCE._value.get() == 0)
    assert not next(iter(CONSERVATION_GAP.collect())).samples
    assert not next(iter(STORE_FREE.collect())).samples
    thread.stop()
