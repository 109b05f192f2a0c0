"""What a readout says of each metric that decides or guards, in the page's own words: nothing here judges anew."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from reports.dashboard.readout_page import ReadoutPage
from reports.metrics import TranslatedText
from reports.presentation.language import LANGUAGES, translator
from reports.queries.context import QueryContext
from reports.queries.readout import TrialReadout, readout
from schemas.registry import MetricId

ReadingState = Literal["good", "bad", "unknown"]
"""Shown to be better than the baseline, shown to be worse, or neither so far."""


@dataclass(frozen=True, slots=True)
class ArmReading:
    """One metric in one arm; texts as the page has them, '' where it says nothing."""

    metric: MetricId
    role: str
    arm: str
    state: ReadingState
    compared: bool
    """Whether there is something to compare it with."""
    name: TranslatedText
    arm_name: TranslatedText
    estimate: TranslatedText
    lift: TranslatedText
    lift_interval: TranslatedText
    verdict: TranslatedText
    days: TranslatedText
    """How much longer until the smallest difference looked for would be told."""


def readings(context: QueryContext, trial_id: str) -> tuple[ArmReading, ...]:
    """Return the primary metrics' and the guardrails' readings so far, the primary metrics' first."""
    trial = context.directory.trials[trial_id]
    found = readout(context, trial_id, (*trial.primary_metrics, *trial.guardrails))
    return tuple(_readings(context, trial_id, found))


def _readings(context: QueryContext, trial_id: str, found: TrialReadout) -> Iterator[ArmReading]:
    trial = context.directory.trials[trial_id]
    pages = {
        language: ReadoutPage(found, trial, context.directory, translator(language)).values()["blocks"]
        for language in LANGUAGES
    }
    for zh_block, en_block in zip(pages["zh"], pages["en"], strict=True):
        for zh, en in zip(zh_block["rows"], en_block["rows"], strict=True):
            yield _reading({"block": zh_block, **zh}, {"block": en_block, **en})


def _reading(zh: Mapping[str, Any], en: Mapping[str, Any]) -> ArmReading:
    def both(name: str) -> TranslatedText:
        return TranslatedText(str(zh[name]), str(en[name]))

    return ArmReading(
        metric=zh["block"]["id"],
        role=zh["block"]["role"],
        arm=zh["arm_id"],
        state=zh["verdict_state"] if zh["verdict_state"] in {"good", "bad"} else "unknown",
        compared=bool(zh["verdict"]),
        name=TranslatedText(zh["block"]["name"], en["block"]["name"]),
        arm_name=both("arm"),
        estimate=both("estimate"),
        lift=both("lift"),
        lift_interval=both("lift_interval"),
        verdict=both("verdict"),
        days=both("days"),
    )
