"""Numbers, money and times as each language reads them."""

import re
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.presentation.formats import NOTHING, LocaleFormatter, iso
from reports.presentation.language import Language, translator
from schemas.registry import MetricId
from tests.support.reports_harness import DAY, HOUR, at

ZH, EN = LocaleFormatter(translator("zh")), LocaleFormatter(translator("en"))
NOON = at("2026-11-22T12:05")


@pytest.mark.parametrize(
    ("metric", "value", "zh", "en"),
    [
        ("success_rate", 0.93456, "93.5%", "93.5%"),
        ("success_rate", 1, "100.0%", "100.0%"),
        ("revenue_fen", 123_456_789, "¥1,234,567.89", "¥1,234,567.89"),
        ("revenue_fen", -5, "−¥0.05", "−¥0.05"),
        ("events", 1_234_567, "1,234,567", "1,234,567"),
        ("duration_p50", 850, "850 毫秒", "850 ms"),
        ("duration_p50", 5230, "5.2 秒", "5.2 s"),
        ("duration_p50", 63_400, "1 分 3 秒", "1 min 3 s"),
        ("duration_p50", 2 * HOUR + 60_000, "2 小时 1 分", "2 h 1 min"),
        ("rating_mean", 4.256, "4.26", "4.26"),
        ("orders", None, NOTHING, NOTHING),
    ],
)
def test_a_metric_is_written_in_its_unit(metric: MetricId, value: float | None, zh: str, en: str) -> None:
    assert (ZH.metric(metric, value), EN.metric(metric, value)) == (zh, en)


@pytest.mark.parametrize(
    ("metric", "effect", "zh", "en"),
    [
        ("success_rate", 0.05, "5 个百分点", "5 points"),
        ("success_rate", 0.0004, "0.04 个百分点", "0.04 points"),
        ("duration_p50", 5230, "5.2 秒", "5.2 s"),
        ("duration_p50", 0.4, "0.4 毫秒", "0.4 ms"),
        ("rating_mean", 0.05, "0.05", "0.05"),
        ("orders", 0.05, "每“展位·日” 0.05", "0.05 per placement-day"),
        ("revenue_fen", 250_000, "每“展位·日” ¥2,500.00", "¥2,500.00 per placement-day"),
        ("revenue_fen", 0.4, "每“展位·日” ¥0.004", "¥0.004 per placement-day"),
    ],
)
def test_a_difference_looked_for_has_its_unit(metric: MetricId, effect: float, zh: str, en: str) -> None:
    assert (ZH.effect(metric, effect), EN.effect(metric, effect)) == (zh, en)


@given(st.sampled_from(get_args(MetricId)), st.floats(1e-6, 1e9))
def test_a_difference_looked_for_is_never_written_as_none(metric: MetricId, effect: float) -> None:
    assert re.search("[1-9]", EN.effect(metric, effect))


def test_days_and_times_are_those_of_shanghai() -> None:
    late_evening_in_london = at("2026-11-23T00:30")

    assert (ZH.moment(NOON), EN.moment(NOON)) == ("11月22日 12:05", "22 Nov 12:05")
    assert (ZH.day(late_evening_in_london), EN.day(late_evening_in_london)) == ("11月23日 周一", "Mon 23 Nov")
    assert iso(NOON) == "2026-11-22T12:05:00+08:00"


@pytest.mark.parametrize(
    ("before", "zh", "en"),
    [
        (12_000, "12 秒前", "12 s ago"),
        (5 * 60_000, "5 分钟前", "5 min ago"),
        (5 * HOUR, "5 小时前", "5 h ago"),
        (5 * DAY, "5 天前", "5 days ago"),
        (-3000, "0 秒前", "0 s ago"),
    ],
)
def test_an_age_is_told_in_one_unit(before: int, zh: str, en: str) -> None:
    assert (ZH.ago(NOON - before, NOON), EN.ago(NOON - before, NOON)) == (zh, en)


@given(st.integers(-(10**15), 10**15), st.sampled_from(["zh", "en"]))
def test_money_never_loses_a_fen(fen: int, language: Language) -> None:
    written = LocaleFormatter(translator(language)).money(fen)

    digits = written.replace("¥", "").replace(",", "").replace(".", "").replace("−", "-")
    assert int(digits) == fen
