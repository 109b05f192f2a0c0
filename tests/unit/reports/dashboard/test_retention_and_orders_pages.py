"""What the trial's page says of who comes back, of orders and of ratings: numbers, and a word where there is none."""

from typing import Any

import pytest

from reports.dashboard.orders_page import MoneyPage, RatingsPage
from reports.dashboard.retention_page import COHORTS_SHOWN, RetentionPage
from reports.presentation.language import translator
from reports.queries.model import Interval
from reports.queries.orders_ratings import OrdersAndRatings, OrderSums
from reports.queries.retention import CohortWeek, RetentionTable
from reports.queries.weeks import WEEK_MS
from tests.support.reports_harness import DAY, HOUR, at, directory

EN, ZH = translator("en"), translator("zh")
MONDAY = at("2026-11-02T00:00")
TRIAL = directory().trials["neuro"]


def table(*cohorts: tuple[int, ...], **changes: Any) -> RetentionTable:
    rows = tuple(CohortWeek(MONDAY + n * WEEK_MS, came) for n, came in enumerate(cohorts))
    given: dict[str, Any] = {
        "basis": "use",
        "interval": Interval(MONDAY + 2 * DAY, MONDAY + len(cohorts) * WEEK_MS - 5 * HOUR),
        "cohorts": rows,
        "covered": {row.week_ms: 0.9 for row in rows},
        "unfinished_ms": rows[-1].week_ms if rows else None,
        "smallest_group": 5,
    }
    return RetentionTable(**(given | changes))


def test_a_cohorts_share_stands_with_its_number_and_the_running_week_is_marked() -> None:
    found = RetentionPage(table((40, 10, 4), (20, 5), (8,)), EN).values()

    first, second, last = found["rows"]
    assert (first["week"], first["new"], first["again"]) == ("4 Nov – 8 Nov", "40", "–")
    assert [(c["share"], c["n"], c["open"]) for c in first["cells"]] == [("25.0%", "10", False), ("10.0%", "4", True)]
    assert (second["again"], second["again_share"]) == ("10", "33.3%")
    assert (last["week"], last["open"], last["again"]) == ("16 Nov – 22 Nov", True, "9")
    assert (found["people"], found["columns"], found["open"], found["thin"]) == ("68", [1, 2], True, False)


def test_a_small_group_is_told_by_no_number() -> None:
    found = RetentionPage(table((4, 2, 1), (0, 0), (0,)), EN).values()

    small, empty, _ = found["rows"]
    assert small["new"] == "fewer than 5"
    assert [(c["share"], c["n"]) for c in small["cells"]] == [("–", "fewer than 5")] * 2
    assert (empty["new"], empty["again"]) == ("0", "fewer than 5")
    assert [(c["share"], c["n"]) for c in empty["cells"]] == [("–", "")]
    assert found["hidden"] == "5"
    assert RetentionPage(table((5, 2), (0,)), EN).values()["hidden"] == ""


def test_weeks_of_which_little_was_covered_are_marked_in_their_row_and_where_others_came_back() -> None:
    covered = {MONDAY: 0.95, MONDAY + WEEK_MS: 0.5}

    found = RetentionPage(table((40, 10), (20,), covered=covered), EN).values()

    assert [row["thin"] for row in found["rows"]] == [False, True]
    assert [cell["thin"] for cell in found["rows"][0]["cells"]] == [True]
    assert (found["thin"], [row["covered"] for row in found["rows"]]) == (True, ["95.0%", "50.0%"])


def test_only_the_last_quarter_of_a_year_is_drawn_and_the_rest_is_said() -> None:
    weeks = COHORTS_SHOWN + 3
    found = RetentionPage(table(*((9,) * (weeks - n) for n in range(weeks))), EN).values()

    assert (len(found["rows"]), found["older"]) == (COHORTS_SHOWN, 3)
    assert found["columns"] == list(range(1, COHORTS_SHOWN))


def orders(**sums: OrderSums) -> OrdersAndRatings:
    """Return sums by `platform_arm`."""
    return OrdersAndRatings({(k.split("_")[0], k.split("_")[1]): found for k, found in sums.items()}, ("meituan",))


FOUND = orders(
    sunmi_pilot=OrderSums(events=90, orders=10, refunds=1, paid_fen=20_000, refunded_fen=1_990, stars=(0, 0, 1, 1, 2)),
    douyin_pilot=OrderSums(events=50),
    meituan_pilot=OrderSums(events=9, orders=2, paid_fen=5_000),
    sunmi_baseline=OrderSums(events=40),
)


def rows(page: MoneyPage) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for _, block in page.values()["blocks"] for row in block}


def said(cell: dict[str, str]) -> str:
    return f"{cell['value']} {cell['word']}".strip()


def test_money_is_paid_less_refunded_by_arm_and_platform() -> None:
    found = rows(MoneyPage(FOUND, TRIAL, EN))

    assert list(found) == ["Baseline", "Pilot", "Douyin", "Meituan", "Sunmi", "All"]
    sunmi = {name: said(cell) for name, cell in found["Sunmi"].items() if name != "name"}
    assert sunmi == {
        "orders": "10",
        "paid": "¥200.00",
        "refunded": "¥19.90",
        "revenue": "¥180.10",
        "refund_rate": "10.0%",
        "per_order": "¥18.01",
    }
    assert said(found["All"]["revenue"]) == "¥230.10"


def test_where_the_trial_sold_something_a_part_without_orders_sold_nothing_and_a_word_says_who_reported_none() -> None:
    found = rows(MoneyPage(FOUND, TRIAL, EN))

    assert [said(found[name]["orders"]) for name in ("Douyin", "Baseline")] == ["0 none reported", "0"]
    assert [said(found[name]["revenue"]) for name in ("Douyin", "Baseline")] == ["¥0.00", "¥0.00"]
    # Of no order there is neither a share nor a mean.
    assert {said(found["Douyin"][name]) for name in ("per_order", "refund_rate")} == {"–"}
    assert said(found["Meituan"]["refund_rate"]) == "– not reported"
    assert said(found["Meituan"]["refunded"]) == "–"
    assert "Refunds of Meituan are not reported" in MoneyPage(FOUND, TRIAL, EN).values()["without_refunds"]
    assert "美团的退款没有上报" in MoneyPage(FOUND, TRIAL, ZH).values()["without_refunds"]


def test_a_trial_without_any_order_has_no_table_of_noughts() -> None:
    assert MoneyPage(orders(sunmi_pilot=OrderSums(events=9)), TRIAL, EN).values()["blocks"] == []


def test_ratings_are_told_by_arm_with_their_mean_and_n() -> None:
    baseline, pilot = RatingsPage(FOUND, TRIAL, EN).values()

    assert (baseline["name"], baseline["mean"], baseline["word"]) == ("Baseline", "–", "no rating came")
    assert (pilot["name"], pilot["mean"], pilot["n"]) == ("Pilot", "4.25", "4")
    assert [(row["name"], row["n"], row["share"], row["width"]) for row in pilot["rows"]] == [
        ("5 stars", "2", "50.0%", 200.0),
        ("4 stars", "1", "25.0%", 100.0),
        ("3 stars", "1", "25.0%", 100.0),
        ("2 stars", "0", "0.0%", 0.0),
        ("1 star", "0", "0.0%", 0.0),
    ]
    assert RatingsPage(orders(sunmi_pilot=OrderSums(events=9)), TRIAL, EN).values() == []


@pytest.mark.parametrize(("words", "text"), [(EN, "2 Nov – 8 Nov"), (ZH, "11月2日 – 11月8日")])
def test_a_week_is_named_by_its_days(words: Any, text: str) -> None:
    whole = table((9,), interval=Interval(MONDAY, MONDAY + WEEK_MS))

    assert RetentionPage(whole, words).values()["rows"][0]["week"] == text
