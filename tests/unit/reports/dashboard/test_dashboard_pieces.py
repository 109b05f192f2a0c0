"""The small parts of the dashboard: language, addresses, picks, drawings, static files, the build's stamp."""

import gzip
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.testing import RequestFactory

from registry.directory import TrialSpan
from reports.dashboard import build as assets_build
from reports.dashboard.assets import load_assets
from reports.dashboard.avenue_page import AvenuePage
from reports.dashboard.readout_page import plots
from reports.dashboard.render import PACKED_FROM, local_path, packed
from reports.dashboard.trend import TrendPick, trend_interval
from reports.presentation.drawing import bars, spark
from reports.presentation.language import Language, language_of, translator
from reports.queries.model import AvenueMap, Interval, MapPlace, Point
from reports.queries.readout import ArmReadout
from runtime.errors import ConfigurationError
from tests.support.dashboard_harness import street
from tests.support.reports_harness import DAY, NOW, START


@pytest.mark.parametrize(
    ("query", "cookie", "accepted", "language"),
    [
        ("", "", "", "zh"),
        ("", "", "en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("", "", "fr;q=0.9, zh-CN;q=0.5, en;q=0.4", "zh"),
        ("", "", "en;q=nonsense, zh;q=0.1", "zh"),
        ("", "zh", "en", "zh"),
        ("en", "zh", "zh", "en"),
        ("klingon", "", "en", "en"),
    ],
)
def test_a_click_is_above_the_cookie_and_the_cookie_above_the_browser(
    query: str, cookie: str, accepted: str, language: Language
) -> None:
    request = RequestFactory().get(
        "/", query_params={"lang": query}, headers={"accept-language": accepted, "cookie": f"avenue_lang={cookie}"}
    )

    assert language_of(request) == language


@pytest.mark.parametrize("elsewhere", ["//evil.example", "/\\evil.example", "https://evil.example", "", "/a\nb"])
def test_a_sign_in_never_leads_to_another_site(elsewhere: str) -> None:
    assert local_path(elsewhere) == "/trials"


def test_a_sign_in_leads_back_to_where_it_was_needed() -> None:
    assert local_path("/trials/neuro?by=arm") == "/trials/neuro?by=arm"


@given(st.dictionaries(st.sampled_from(["metric", "by", "range", "step", "compare"]), st.text(max_size=8)))
def test_any_address_gives_a_pick_that_can_be_drawn(query: dict[str, str]) -> None:
    pick = TrendPick.read(query, primary="success_rate")

    assert pick.step in pick.steps


@pytest.mark.parametrize("length", ["1h", "24h", "7d", "28d", "trial"])
def test_a_range_stays_within_the_trial_and_counts_back_from_its_end(length: str) -> None:
    ended = TrialSpan("t", "p", ("pilot",), START, START + 10 * DAY, None)
    pick = TrendPick.read({"range": length}, primary="events")

    interval = trend_interval(pick, ended, now_ms=START + 400 * DAY)

    assert START <= interval.from_ms < interval.to_ms == ended.ends_ms


@pytest.mark.parametrize(
    ("accepted", "taken"),
    [("gzip, deflate, br", True), ("GZIP;q=0.5", True), ("", False), ("br", False), ("gzip;q=0", False)],
)
def test_a_page_travels_packed_where_the_browser_takes_it(accepted: str, taken: bool) -> None:
    page = b"<td>placement-day</td>" * 5000

    body, headers = packed(page, accepted)

    assert headers == ({"content-encoding": "gzip"} if taken else {})
    assert (gzip.decompress(body) if taken else body) == page
    assert (len(body) < len(page) / 6) is taken
    assert packed(page[: PACKED_FROM - 1], accepted) == (page[: PACKED_FROM - 1], {})


values = st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9)), max_size=40)


@given(values)
def test_a_spark_stays_in_its_box_and_leaves_gaps_open(found: list[float | None]) -> None:
    drawn = spark([Point(n, value, 1) for n, value in enumerate(found)])

    if drawn is None:
        assert sum(value is not None for value in found) < 2
        return
    heights = [float(part.split()[1]) for part in drawn.line.replace("M", "L").split("L") if part.strip()]
    assert len(heights) == sum(value is not None for value in found)
    assert all(0 <= height <= 24 for height in heights)


@given(st.lists(st.integers(0, 10**6), max_size=20))
def test_a_bar_is_seen_exactly_where_something_came(counts: list[int]) -> None:
    heights = bars([Point(n, count, count) for n, count in enumerate(counts)], 40)

    assert [height > 0 for height in heights] == [count > 0 for count in counts]
    assert max(heights, default=0) <= 40


def test_intervals_of_one_metric_are_drawn_on_one_scale() -> None:
    def row(arm: str, low: float | None, estimate: float, high: float | None) -> ArmReadout:
        return ArmReadout("success_rate", "primary", arm, estimate, low, high, None, None, 10, 20, 2, None, None)

    baseline, pilot = plots([row("baseline", 0.6, 0.7, 0.8), row("pilot", None, 0.9, None)])

    assert baseline is not None
    assert pilot is not None
    assert baseline["from"] < baseline["at"] < baseline["to"] < pilot["at"]
    assert "from" not in pilot


@given(st.lists(st.tuples(st.floats(0, 200), st.sampled_from(["north", "south"])), max_size=30))
def test_no_label_of_the_street_covers_another(spots: list[tuple[float, str]]) -> None:
    places = tuple(
        MapPlace(metre=metre, side=side, zone="", state="reporting", placement_id=f"p-{n}")
        for n, (metre, side) in enumerate(spots)
    )
    page = AvenuePage(AvenueMap(200, places, Interval(NOW - DAY, NOW)), street(), translator("en"))

    drawn = sorted((spot["y"], spot["x"]) for spot in page.values()["places"])

    assert len(drawn) == len(spots)
    assert all(b[0] != a[0] or b[1] - a[1] >= 34 for a, b in pairwise(drawn))


def test_a_server_without_a_built_script_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"python -m reports\.dashboard\.build"):
        load_assets(tmp_path)


def test_what_was_built_is_not_built_again_until_a_source_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "web" / "src" / "page.ts"
    source.parent.mkdir(parents=True)
    source.write_text("1")
    monkeypatch.setattr(assets_build, "HERE", tmp_path)
    before = assets_build.fingerprint([source])

    source.write_text("2")

    assert assets_build.fingerprint([source]) != before
