"""The tables of measured figures: rendered from the results, and the pages hold what the results say."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench import table

STAMP: dict[str, Any] = {"machine": {"text": "a machine"}, "command": "python -m it", "runs": 3}


def contender(name: str, best: float, *, wrong: int = 0, error: float = 0.0) -> dict[str, Any]:
    check = {
        "cells": 50, "wrong": wrong, "events": 1000, "events_told": 1000 + 20 * bool(wrong),
        "distinct_error_percent": error, "right": not wrong,
    }  # fmt: skip
    return {
        "name": name, "label": name.title(), "events_a_message": 1, "dedupe": not wrong, "state": "memory",
        "cpu_seconds_per_million_events": {"min": best, "median": best * 2, "runs": [best]},
        "start_up_cpu_seconds": 1.0, "memory_peak_mb": 90, "events": 1000, "check": check,
    }  # fmt: skip


@pytest.fixture
def peers() -> dict[str, Any]:
    rows = [
        contender("ours-500", 5.0, error=1.5),
        contender("bare-1", 10.0, wrong=7),
        contender("bare-1-ids", 12.5),
        contender("bytewax-1", 20.0),
        contender("quix-1", 75.0),
        contender("faust-1", 1500.0),
    ]
    return {"contenders": rows, "versions": {"python": "3.11"}, **STAMP}


def test_contenders_show_their_ratio_to_ours_and_whether_they_are_right(peers: dict[str, Any]) -> None:
    lines = table.peers_table(peers).splitlines()

    assert "| Ours-500 | 1 | yes | 5.0 (10.0) | 1.0 × | right | estimated, off by 1.5 % a cell |" in lines[2]
    assert "**7 of 50 cells wrong** (20 events too many) | exact" in lines[3]
    assert "| 1,500 (3,000) | 300 × |" in lines[-4]


def test_the_summary_has_the_ratios_of_the_table(peers: dict[str, Any]) -> None:
    said = table.summary(peers)

    assert "in 5.0 CPU-seconds" in said
    assert "Bytewax 4.0 ×, Quix Streams 15 ×, textbook Faust 300 ×" in said
    assert "view 2.0 × without looking for repeats, 2.5 × with" in said


def test_any_result_becomes_a_table() -> None:
    figures = {"min": 1.0, "median": 250.0}
    found = {"what": "x", "rows": [{"size": 1, "cpu_ms": figures}, {"size": 2}], "stages": {"split": figures}, **STAMP}

    said = table.plain_table(found)

    assert "| 1 | 1.00 (250) |\n| 2 | – |" in said
    assert "| split | 1.00 (250) |" in said
    assert said.endswith("Measured on a machine; 3 runs; `python -m it`.")


def test_files_of_one_name_stand_below_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "RESULTS", tmp_path)
    for size in (1, 10):
        (tmp_path / f"queries-{size}m.json").write_text(json.dumps({"rows": [{"size": size}]}))

    said = table.rendered("queries")

    assert said is not None
    assert said.index("queries-10m:") < said.index("| 10 |") < said.index("queries-1m:") < said.index("| 1 |")
    assert table.rendered("gateway") is None


def test_a_marked_block_is_replaced_and_the_rest_stays() -> None:
    page = "before\n<!-- begin nothing -->\nold\n<!-- end nothing -->\nafter\n"

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(table.TABLES, "nothing", table.plain_table)
        once = table.filled(page)

    assert once.startswith("before\n<!-- begin nothing -->\n`bench/results/nothing.json` has not")
    assert once.endswith("written yet.\n<!-- end nothing -->\nafter\n")


@pytest.mark.parametrize("name", sorted(table.TABLES))
def test_every_result_that_is_there_can_be_rendered(name: str) -> None:
    text = table.rendered(name)

    assert text is None or "| --- |" in text


@pytest.mark.parametrize("page", table.PAGES)
def test_pages_tell_no_other_figures_than_the_results(page: str) -> None:
    text = (table.ROOT / page).read_text()
    blocks = {match[2]: match[0] for match in table.BLOCK.finditer(text)}

    # A page may not know of a result yet; what it tells has to be what the results say.
    known = [block for name, block in blocks.items() if table.unwritten(name) not in block]

    assert known, "no marked block"
    assert [block for block in known if block != table.filled(block)] == [], "run `python -m bench.table --write`"
