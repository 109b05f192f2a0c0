"""The operators' reference pages say what the code says, all of it."""

import pytest

from runtime.reference import DOCS, described_metrics, metrics_page, settings_page
from runtime.settings import known_names


@pytest.mark.parametrize(("name", "made"), [("metrics-operators.md", metrics_page), ("settings.md", settings_page)])
def test_a_page_is_what_the_code_would_write_now(name: str, made: object) -> None:
    assert callable(made)

    assert (DOCS / name).read_text() == made(), "run `python -m runtime.reference`"


def test_every_setting_stands_on_the_page_with_its_reason() -> None:
    rows = [line.split(" | ") for line in settings_page().splitlines() if line.startswith("| `AVENUE_")]

    assert sorted(row[0].strip("|` ") for row in rows) == sorted(known_names())
    assert [row[0] for row in rows if not row[3].strip("| ")] == []


def test_every_metric_stands_on_the_page_once_and_has_a_meaning() -> None:
    metrics = described_metrics()

    names = [line.split("`")[1] for line in metrics_page().splitlines() if line.startswith("| `")]
    assert sorted(names) == sorted(metric.name for metric in metrics)
    assert all(metric.help for metric in metrics)
    assert [metric.name for metric in metrics if not metric.roles] == []
