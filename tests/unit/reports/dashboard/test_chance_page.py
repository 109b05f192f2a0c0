"""Silent days at their worst stand beside the interval on one scale; random splits are counted as they are drawn."""

from dataclasses import replace
from typing import Any

import pytest

from reports.dashboard.chance_page import BARS_HEIGHT, ChancePage
from reports.presentation.language import translator
from reports.queries.metric_verdicts import JudgedRows
from reports.queries.readout import ArmLift, ArmReadout, TrialReadout
from reports.queries.silence import SilenceBounds
from reports.queries.verdict_cache import VerdictCache
from reports.queries.verdict_course import courses, placebo_seed
from reports.stats.placebo import placebo_street
from reports.stats.trial_rows import UnitRow
from reports.stats.verdict import JudgeSettings
from schemas.registry import MetricId
from tests.support.drawn_trials import at_two_places_each, switching, without_effect
from tests.support.readout_harness import TRIAL, side_by_side, street

KNOWN = street(side_by_side(2, 60)).trials[TRIAL]
SEEN = ArmLift(absolute=0.2, absolute_low=0.1, absolute_high=0.3)
SILENT = SilenceBounds(units=9, share=0.05, low=-0.1, high=0.4, changes=True, lowest=(-0.1, 0.2), highest=(0.2, 0.4))


def readout_of(lift: ArmLift, metric: MetricId = "success_rate") -> TrialReadout:
    nothing: dict[str, Any] = dict.fromkeys(TrialReadout.__dataclass_fields__)
    rest: dict[str, Any] = dict.fromkeys(ArmReadout.__dataclass_fields__)
    row = ArmReadout(**{**rest, "metric": metric, "role": "primary", "arm": "pilot", "lift": lift})
    return TrialReadout(**{**nothing, "rows": (row,), "baseline_arm": "baseline", "silent_units": {}})


def silence_of(lift: ArmLift, metric: MetricId = "success_rate") -> dict[str, Any]:
    trial = KNOWN.model_copy(update={"primary_metric": metric})
    (arm,) = ChancePage(readout_of(lift, metric), trial, (), translator("en")).values()["arms"]
    found: dict[str, Any] = arm["silence"]
    return found


def test_worst_and_best_case_are_drawn_on_the_interval_s_scale() -> None:
    found = silence_of(replace(SEEN, silence=SILENT))

    rows = {row["name"]: row for row in found["rows"]}
    seen, worst, best = (rows[n] for n in ("As it was seen", "Silent days at their worst", "Silent days at their best"))
    a_point = (seen["to"] - seen["from"]) / 20
    assert worst["from"] == pytest.approx(seen["from"] - 20 * a_point, abs=0.05)
    assert best["to"] == pytest.approx(seen["to"] + 10 * a_point, abs=0.05)
    assert found["zero"] == pytest.approx(seen["from"] - 10 * a_point, abs=0.05)
    assert seen["at"] == pytest.approx((seen["from"] + seen["to"]) / 2, abs=0.05)
    assert worst["text"] == "−10.0 to +20.0 points"
    assert "9 placement-days (5.0% of those due) were silent" in found["text"]
    assert "the verdict would not stand" in found["text"]


def test_where_less_is_better_the_lowest_case_is_the_best_one() -> None:
    rows = silence_of(replace(SEEN, silence=SILENT), "refund_rate")["rows"]

    assert [row["text"] for row in rows] == [
        "+10.0 to +30.0 points",
        "+20.0 to +40.0 points",
        "−10.0 to +20.0 points",
    ]


@pytest.mark.parametrize(
    ("lift", "said"),
    [
        (SEEN, "No placement-day was silent"),
        (replace(SEEN, silence=replace(SILENT, changes=False)), "the verdict would stand"),
        (replace(SEEN, absolute_low=-0.1, silence=SILENT), "No difference is told yet"),
        (ArmLift(why="one_place"), "no verdict yet that silence could change: place and arm not told apart"),
    ],
)
def test_what_silence_could_do_is_said_in_a_sentence(lift: ArmLift, said: str) -> None:
    assert said in silence_of(lift)["text"]


def placebo_of(rows: list[UnitRow]) -> dict[str, Any]:
    found = replace(readout_of(SEEN, "completions"), judged={"completions": JudgedRows(rows, JudgeSettings())})
    trial = KNOWN.model_copy(update={"primary_metric": "completions"})
    drawn = courses(VerdictCache(), found, trial, "completions")
    (arm,) = ChancePage(found, trial, drawn, translator("en")).values()["arms"]
    placebo: dict[str, Any] = arm["placebo"]
    return placebo


@pytest.mark.parametrize("rows", [switching(30), without_effect(switching(30)), at_two_places_each(30, before=10)])
def test_splits_are_counted_as_the_registered_seed_draws_them(rows: list[UnitRow]) -> None:
    street_drawn = placebo_street(rows, "pilot", seed=placebo_seed(KNOWN))
    assert street_drawn is not None

    found = placebo_of(rows)

    said = (
        f"Of {street_drawn.splits:,} random splits of the same days and places, {street_drawn.as_good:,} look at least"
    )
    assert found["text"].startswith(said)
    at_or_beyond = [bar for bar in found["bars"] if bar["x"] >= found["seen"]]
    assert max(bar["h"] for bar in found["bars"]) == BARS_HEIGHT
    assert bool(at_or_beyond) or street_drawn.as_good <= street_drawn.splits * 0.2
    assert found["seen_text"] == f"this trial: +{street_drawn.seen:.1f}".replace("+-", "−")


def test_few_possible_splits_are_said_so_and_a_trial_that_cannot_be_split_says_why() -> None:
    few = placebo_of(at_two_places_each(30, before=10))
    none = placebo_of([row for row in at_two_places_each(30) if row.place in {"cafe", "books"}])

    assert few["note"] == "Only 6 different splits are possible here, so many of these are the same."
    assert (none["bars"], none["text"][:30]) == ([], "No random split can be made: n")


def test_everybody_draws_the_same_splits_and_another_trial_others() -> None:
    assert placebo_seed(KNOWN) == placebo_seed(KNOWN.model_copy(update={"smallest_effect": 3.0}))
    assert placebo_seed(KNOWN) != placebo_seed(KNOWN.model_copy(update={"id": "other"}))
