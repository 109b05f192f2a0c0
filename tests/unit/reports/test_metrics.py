"""The definitions are complete, in both languages, and their page is theirs."""

import re
from typing import get_args

from reports.metrics import (
    MEASURES,
    METRICS,
    DistinctRule,
    DueShareRule,
    QuantileRule,
    RatioRule,
    SumRule,
    page,
    percent_rank,
)
from reports.queries.metric_columns import columns_of
from schemas.registry import MetricId
from tests.support.paths import DOCS

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def test_every_metric_is_defined_once_in_chinese_and_english() -> None:
    assert tuple(METRICS) == get_args(MetricId)
    for metric in METRICS.values():
        for text in (metric.name, metric.formula, metric.exclusions):
            assert CHINESE.search(text.zh), metric.id
            assert text.en, metric.id
            assert not CHINESE.search(text.en), metric.id


def test_the_page_is_what_the_definitions_say() -> None:
    assert (DOCS / "metrics.md").read_text() == page(), "run: python -m reports.metrics > docs/metrics.md"


def test_every_rule_names_measures_that_exist_on_both_layers() -> None:
    assert len(METRICS) == 20
    for metric in METRICS.values():
        match metric.rule:
            case SumRule(first, second) | RatioRule(first, second):
                assert {first, second} <= MEASURES.keys()
            case DistinctRule() | QuantileRule():
                assert columns_of((metric.id,), "cells").derived
                assert columns_of((metric.id,), "events").derived
            case DueShareRule(share):
                assert share == metric.id


def test_a_rank_is_rounded_up_in_integers() -> None:
    assert [percent_rank(n, 95) for n in (1, 19, 20, 21, 100)] == [1, 19, 19, 20, 95]
    assert [percent_rank(n, 50) for n in (1, 2, 3)] == [1, 1, 2]
