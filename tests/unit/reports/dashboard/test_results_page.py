"""Each metric's lifts are drawn to one scale, with nothing, what was looked for, and what silent days leave."""

from dataclasses import replace
from typing import Any

import pytest

from reports.dashboard.readout_page import ReadoutPage
from reports.dashboard.results_page import EDGE, ResultsPage
from reports.presentation.language import translator
from reports.presentation.verdicts import HARM_STATES, harm_words
from reports.queries.readout import ArmLift, ArmReadout, TrialReadout
from reports.queries.silence import SilenceBounds
from schemas.registry import MetricId
from tests.support.readout_harness import TRIAL, side_by_side, street

KNOWN = street(side_by_side(2, 60), smallest_effect=0.1, arms=["baseline", "pilot", "second"])
PILOT = ArmLift(absolute=0.2, absolute_low=0.1, absolute_high=0.3, relative=0.5, relative_low=0.2, relative_high=0.6)
SECOND = ArmLift(absolute=-0.1, absolute_low=-0.2, absolute_high=0.0)
SILENT = SilenceBounds(units=3, share=0.02, low=0.05, high=0.4, changes=False)


def row(metric: MetricId, arm: str, role: str, lift: ArmLift | None) -> ArmReadout:
    rest: dict[str, Any] = dict.fromkeys(ArmReadout.__dataclass_fields__)
    given = {"metric": metric, "arm": arm, "role": role, "lift": lift, "units": 30, "places": 2, "n": 500}
    return ArmReadout(**{**rest, **given, "estimate": 0.5, "low": 0.4, "high": 0.6})


def results(*rows: ArmReadout, primary: MetricId = "success_rate") -> dict[str, Any]:
    nothing: dict[str, Any] = dict.fromkeys(TrialReadout.__dataclass_fields__)
    designs = {"design": "switching", "planned_design": "switching", "told": None}
    found = TrialReadout(**{**nothing, **designs, "rows": rows, "alpha": 0.05, "baseline_arm": "baseline"})
    trial = KNOWN.trials[TRIAL].model_copy(update={"primary_metric": primary})
    return ResultsPage(ReadoutPage(found, trial, KNOWN, translator("en"))).values()


def test_the_arms_of_a_metric_share_one_scale() -> None:
    (block,) = results(
        row("success_rate", "baseline", "primary", None),
        row("success_rate", "pilot", "primary", replace(PILOT, silence=SILENT)),
        row("success_rate", "second", "primary", SECOND),
    )["blocks"]

    pilot, second = (one["drawn"] for one in block["rows"])
    # From −20 to +40 points.
    a_point = (100 - 2 * EDGE) / 60
    zero = EDGE + 20 * a_point
    assert pilot["zero"] == second["zero"] == pytest.approx(zero, abs=0.01)
    assert (pilot["from"], pilot["at"], pilot["to"]) == pytest.approx(
        (zero + 10 * a_point, zero + 20 * a_point, zero + 30 * a_point), abs=0.01
    )
    assert (second["from"], second["to"]) == pytest.approx((EDGE, zero), abs=0.01)
    assert pilot["effects"] == [pytest.approx(zero + 10 * a_point, abs=0.01)]
    assert pilot["silent"] == [pytest.approx(zero + 5 * a_point, abs=0.01), pytest.approx(100 - EDGE)]
    assert second["silent"] == []


def test_what_is_written_per_cent_is_drawn_per_cent() -> None:
    (block,) = results(row("orders", "baseline", "guardrail", None), row("orders", "pilot", "guardrail", PILOT))[
        "blocks"
    ]

    drawn = block["rows"][0]["drawn"]
    assert (drawn["zero"], drawn["to"]) == (EDGE, 100 - EDGE)
    assert drawn["at"] == pytest.approx(EDGE + (100 - 2 * EDGE) * 0.5 / 0.6, abs=0.01)
    assert drawn["effects"] == []


def test_what_was_looked_for_is_drawn_as_a_share_of_the_baseline_where_the_lift_is() -> None:
    rows = row("orders", "baseline", "primary", None), row("orders", "pilot", "primary", PILOT)
    (block,) = results(*rows, primary="orders")["blocks"]

    # A tenth of an order more than the baseline's half.
    assert block["rows"][0]["drawn"]["effects"] == [pytest.approx(EDGE + (100 - 2 * EDGE) * 0.2 / 0.6, abs=0.01)]


def test_a_row_tells_baseline_arm_units_estimate_and_lift() -> None:
    found = results(
        row("success_rate", "baseline", "primary", None),
        row("success_rate", "pilot", "primary", PILOT),
        row("orders", "baseline", "other", None),
        row("orders", "pilot", "other", ArmLift(why="one_place")),
    )

    primary, other = found["blocks"]
    assert (primary["role_name"], other["role_name"]) == ("Primary metric", "Secondary")
    assert primary["baseline"]["units"] == "30 placement-days"
    assert primary["rows"][0]["estimate"] == "50.0%"
    assert primary["rows"][0]["lift_interval"] == "+10.0 to +30.0 points"
    assert [one["arm"] for one in primary["rows"]] == ["Pilot"]
    assert other["rows"][0]["drawn"] is None
    assert other["rows"][0]["verdict"] == "place and arm cannot be told apart so far: no place has changed its arm yet"


def test_of_several_metrics_the_page_names_them_their_level_and_why_one_is_told_whose_interval_holds_zero() -> None:
    nothing: dict[str, Any] = dict.fromkeys(TrialReadout.__dataclass_fields__)
    lift = ArmLift(absolute=0.1, absolute_low=-0.01, absolute_high=0.21, told=True)
    given = {
        "design": "switching",
        "planned_design": "switching",
        "rows": (row("success_rate", "pilot", "primary", lift),),
        "alpha": 0.05,
        "baseline_arm": "baseline",
        "questions": 4,
        "told": {"orders": (), "success_rate": ("pilot", "second")},
    }
    page = ReadoutPage(TrialReadout(**{**nothing, **given}), KNOWN.trials[TRIAL], KNOWN, translator("en")).values()

    assert page["design"]["together"] == (
        "2 primary metrics decide (Orders, Success rate). They share the risk of 5.0%, so each interval of a difference "
        "is drawn at 98.8%, the wider for it. A difference is told, with all of them counted (Holm): Success rate "
        "(Pilot, second). Where one difference is told, the risk it had goes to the others: one of these is told though "
        "its interval, drawn with its even share, still holds 0. Intervals leave out the truth in at most 5.0% of "
        "trials, and a difference is told wrongly in at most 5.0%; either of both happens in at most 7.5%."
    )
    assert page["blocks"][0]["rows"][0]["verdict"] == "better than the baseline"


@pytest.mark.parametrize(("told", "said"), [(("second",), "second"), ((), "none yet")])
def test_of_several_arms_the_page_says_that_they_share_the_risk_and_which_are_told(
    told: tuple[str, ...], said: str
) -> None:
    nothing: dict[str, Any] = dict.fromkeys(TrialReadout.__dataclass_fields__)
    given = {
        "design": "switching",
        "rows": (),
        "alpha": 0.05,
        "baseline_arm": "baseline",
        "told": {"success_rate": told},
    }
    page = ReadoutPage(TrialReadout(**{**nothing, **given}), KNOWN.trials[TRIAL], KNOWN, translator("en"))

    together = page.values()["design"]["together"]
    assert together.startswith("2 arms are compared with the baseline and share the risk")
    assert together.endswith(f"(Holm): {said}.")


def test_of_several_secondary_metrics_the_page_says_that_some_differ_by_chance() -> None:
    lift = ArmLift(absolute=0.1, absolute_low=0.01, absolute_high=0.19)
    nothing: dict[str, Any] = dict.fromkeys(TrialReadout.__dataclass_fields__)
    given = {"design": "switching", "alpha": 0.05, "baseline_arm": "baseline"}
    several = (row("orders", "pilot", "other", lift), row("completions", "pilot", "other", lift))

    def page(*rows: ArmReadout) -> dict[str, Any]:
        found = TrialReadout(**{**nothing, **given, "rows": (row("success_rate", "pilot", "primary", lift), *rows)})
        return ResultsPage(ReadoutPage(found, KNOWN.trials[TRIAL], KNOWN, translator("en"))).values()

    assert page(*several)["secondary"] == (
        "The 2 secondary metrics decide nothing, and each is judged for itself at a risk of 5.0%. With so many some may "
        "differ by chance: differences in them are hints, not findings."
    )
    assert page(*several)["drawn"]
    assert page(*several[:1])["secondary"] == ""
    refused = row("completions", "pilot", "other", ArmLift(why="one_place"))
    assert page(several[0], refused)["secondary"] == ""


def test_the_key_to_what_is_drawn_stands_only_where_something_is() -> None:
    nothing: dict[str, Any] = dict.fromkeys(TrialReadout.__dataclass_fields__)
    refused = row("success_rate", "pilot", "primary", ArmLift(why="one_place"))
    given = {"design": "one_place", "alpha": 0.05, "baseline_arm": "baseline", "rows": (refused,)}
    found = TrialReadout(**{**nothing, **given})

    shown = ResultsPage(ReadoutPage(found, KNOWN.trials[TRIAL], KNOWN, translator("en"))).values()

    assert (shown["compared"], shown["drawn"]) == (True, False)


SHARE = ArmLift(absolute=-0.1, absolute_low=-0.45, absolute_high=0.25)
SLOWER = ArmLift(absolute=30.0, absolute_low=-50.0, absolute_high=120.0, relative_low=-0.05, relative_high=0.12)


@pytest.mark.parametrize(
    ("metric", "lift", "zh", "en", "state"),
    [
        (
            "success_rate", replace(SHARE, harm="unclear"),
            "未见损害，但仍可能差到 −45.0 个百分点", "no harm told; up to −45.0 points is possible", "unknown",
        ),
        (
            "duration_p95", replace(SLOWER, harm="unclear"),
            "未见损害，但仍可能差到 +12.0%", "no harm told; up to +12.0% is possible", "unknown",
        ),
        (
            "orders", replace(SHARE, harm="unclear"),
            "未见损害，但仍可能差到 −0.5", "no harm told; up to −0.5 is possible", "unknown",
        ),
        ("orders", replace(PILOT, harm="kept"), "无损害：区间内不含损害", "no harm: its interval holds none", "good"),
        ("refund_rate", replace(PILOT, harm="harmed"), "受到损害", "harmed", "bad"),
        ("orders", ArmLift(why="one_place", harm="unknown"), "尚不可知", "not known yet", "unknown"),
    ],
)  # fmt: skip
def test_a_guardrail_that_may_be_harmed_is_no_green_one_and_says_by_how_much(
    metric: MetricId, lift: ArmLift, zh: str, en: str, state: str
) -> None:
    assert (harm_words(metric, lift, translator("zh")), harm_words(metric, lift, translator("en"))) == (zh, en)
    assert lift.harm is not None
    assert HARM_STATES[lift.harm] == state
    if lift.why is None:
        (block,) = results(row(metric, "baseline", "guardrail", None), row(metric, "pilot", "guardrail", lift))[
            "blocks"
        ]
        assert (block["rows"][0]["verdict"], block["rows"][0]["verdict_state"]) == (en, state)
