"""What `avenue reconcile` prints and how it ends."""

from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from avenue.commands import reconcile

SUM: dict[str, Any] = {
    "name": "a = b",
    "account": "x",
    "source": "1/0",
    "left": 2,
    "right": 2,
    "in_flight": 0,
    "closed": True,
}
CELL: dict[str, Any] = {
    "product_id": "band", "trial_id": "band-q4", "platform": "sunmi", "placement_id": "p-1", "arm": "", "kind": "exposure",
    "minute_s": 1_793_000_100, "layer": "settled", "shown_events": 3, "expected_events": 2, "waiting": False,
}  # fmt: skip


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, **found: Any) -> tuple[int, str]:
    answer = {"sums": [SUM], "differences": [], "complete": True, "waited_s": 0.1, "ok": True, **found}
    monkeypatch.setattr(reconcile, "_ask", lambda _trial: answer)
    app = typer.Typer()
    reconcile.register(app)
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


def test_it_ends_well_where_all_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    code, text = run(monkeypatch)

    assert code == 0
    assert "1 sums, 0 open; 0 differences" in text


def test_an_open_sum_is_named_and_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    code, text = run(monkeypatch, sums=[SUM | {"right": 1, "closed": False}], ok=False)

    assert code == 1
    assert "≠" in text
    assert "OPEN" in text


def test_a_differing_cell_is_named_and_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    code, text = run(monkeypatch, differences=[CELL], ok=False)

    assert code == 1
    assert "DIFFERS band/band-q4/sunmi/p-1//exposure 2026-10-26 07:35 UTC settled: 3 events, recomputed 2" in text


def test_json_holds_the_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    code, text = run(monkeypatch, "--json", differences=[CELL], ok=False)

    assert code == 1
    assert '"differences": [{"product_id": "band"' in text
