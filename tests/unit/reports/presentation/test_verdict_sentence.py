"""A verdict in one sentence, in both languages, for every state a trial can be in."""

from typing import Any

import pytest

from reports.presentation.language import translator
from reports.presentation.verdicts import verdict_sentence
from reports.queries.home_verdicts import PrimaryVerdict
from reports.queries.readout import ArmLift, ArmReadout
from reports.queries.silence import SilenceBounds
from reports.stats.trial_rows import Design
from schemas.registry import MetricId

BETTER = ArmLift(absolute=0.19, absolute_low=0.143, absolute_high=0.237)
SILENCE = SilenceBounds(units=9, share=0.05, low=-0.1, high=0.4, changes=True)


def found(
    lift: ArmLift | None, metric: MetricId = "success_rate", effect: float | None = 0.08, planned: Design = "switching"
) -> PrimaryVerdict:
    rest: dict[str, Any] = dict.fromkeys(ArmReadout.__dataclass_fields__)
    rows = [
        ArmReadout(**{**rest, "metric": metric, "arm": arm, "lift": lift if arm == "pilot" else None})
        for arm in ("baseline", "pilot")
    ]
    return PrimaryVerdict(rows, planned, effect)


def of_two(one: ArmLift, other: ArmLift) -> PrimaryVerdict:
    rows = [*found(one).rows, *found(other, "orders").rows]
    return PrimaryVerdict(rows, "switching", 0.08)


TOLD_WITH_ZERO = ArmLift(
    absolute=1.5, absolute_low=-0.1, absolute_high=3.1,
    relative=0.15, relative_low=-0.01, relative_high=0.31, told=True,
)  # fmt: skip
UNTOLD = ArmLift(
    absolute=0.01, absolute_low=-0.02, absolute_high=0.04,
    relative=0.01, relative_low=-0.02, relative_high=0.04, days_low=3, days_high=9,
)  # fmt: skip


@pytest.mark.parametrize(
    ("verdict", "state", "en", "zh"),
    [
        (
            of_two(BETTER, TOLD_WITH_ZERO),
            "good",
            (
                "Success rate – Pilot: better than the baseline, +19.0 points (+14.3 to +23.7 points). "
                "Orders – Pilot: better than the baseline, +15.0% (−1.0% to +31.0%)."
            ),
            (
                "成功率：试点组优于基线组，+19.0 个百分点（+14.3 至 +23.7 个百分点）。"
                "订单数：试点组优于基线组，+15.0%（−1.0% 至 +31.0%）。"
            ),
        ),
        (
            of_two(UNTOLD, UNTOLD),
            "unknown",
            (
                "Success rate – Pilot: no difference shown so far, +1.0 points (−2.0 to +4.0 points); "
                "about 3 to 9 more days. Orders – Pilot: no difference shown so far, +1.0% (−2.0% to +4.0%)."
            ),
            "",
        ),
        (
            of_two(ArmLift(why="too_few_days"), ArmLift(why="too_few_days")),
            "unknown",
            "No verdict: too few days yet to know how much one day differs from another.",
            "",
        ),
    ],
)
def test_of_several_metrics_each_is_named_and_only_the_first_has_days(
    verdict: PrimaryVerdict, state: str, en: str, zh: str
) -> None:
    english = verdict_sentence(verdict, translator("en"))

    assert (english.text, english.state) == (en, state)
    assert " ".join(one.text for one in english.parts or [english]) == en
    assert not zh or verdict_sentence(verdict, translator("zh")).text == zh


@pytest.mark.parametrize(
    ("verdict", "state", "en", "zh"),
    [
        (
            found(BETTER),
            "good",
            "Pilot: better than the baseline, +19.0 points (+14.3 to +23.7 points).",
            "试点组优于基线组，+19.0 个百分点（+14.3 至 +23.7 个百分点）。",
        ),
        (
            found(BETTER, "refund_rate"),
            "bad",
            "Pilot: worse than the baseline, +19.0 points (+14.3 to +23.7 points).",
            "试点组劣于基线组，+19.0 个百分点（+14.3 至 +23.7 个百分点）。",
        ),
        (
            found(
                ArmLift(
                    absolute=1.0,
                    absolute_low=-2.0,
                    absolute_high=4.0,
                    relative=0.1,
                    relative_low=-0.2,
                    relative_high=0.4,
                    days_low=10,
                    days_high=25,
                ),
                "orders",
            ),
            "unknown",
            "Pilot: no difference shown so far, +10.0% (−20.0% to +40.0%); about 10 to 25 more days.",
            "试点组迄今未见差异，+10.0%（−20.0% 至 +40.0%）；大约还要 10 到 25 天。",
        ),
        (
            found(ArmLift(absolute=0.19, absolute_low=0.143, absolute_high=0.237, silence=SILENCE)),
            "good",
            "Pilot: better than the baseline, +19.0 points (+14.3 to +23.7 points); silent days could change it.",
            "试点组优于基线组，+19.0 个百分点（+14.3 至 +23.7 个百分点）；静默日可能改变结论。",
        ),
        (
            found(ArmLift(why="one_place"), planned="one_place"),
            "unknown",
            "No verdict: place and arm cannot be told apart.",
            "还没有结论：分不清是地点的影响还是组别的影响。",
        ),
        (found(None), "unknown", "One arm only: nothing is compared.", "只有一个组，没有可比的对象。"),
    ],
)
def test_a_verdict_is_one_sentence(verdict: PrimaryVerdict, state: str, en: str, zh: str) -> None:
    told = verdict_sentence(verdict, translator("en"))

    assert (told.text, told.state) == (en, state)
    assert verdict_sentence(verdict, translator("zh")).text == zh


def test_of_several_metrics_each_is_marked_by_its_own_reading() -> None:
    told = verdict_sentence(of_two(BETTER, UNTOLD), translator("en"))

    assert [(one.text.split(" – ")[0], one.state) for one in told.parts] == [
        ("Success rate", "good"),
        ("Orders", "unknown"),
    ]


def test_without_a_smallest_effect_no_days_are_promised() -> None:
    lift = ArmLift(absolute=0.01, absolute_low=-0.1, absolute_high=0.1, days_low=None, days_worked_out=True)

    assert "will not find" in verdict_sentence(found(lift), translator("en")).text
    assert "will not find" not in verdict_sentence(found(lift, effect=None), translator("en")).text


def test_days_that_are_not_worked_out_are_not_said_to_be_too_many() -> None:
    lift = ArmLift(absolute=0.01, absolute_low=-0.1, absolute_high=0.1, days_low=None)

    told = {language: verdict_sentence(found(lift), translator(language)).text for language in ("en", "zh")}

    assert "how many more days it takes is not worked out for this comparison" in told["en"]
    assert "will not find" not in told["en"]
    assert "这种比较方式算不出还需要多少天" in told["zh"]
