"""What is said of a trial's plan: fixed only where it was, and each change with its time, old and new value."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from registry.directory import Directory
from registry.plan_history import changed_plans
from reports.api.responses import trial_json
from reports.presentation.language import Language, translator
from reports.presentation.plan import plan_changes, plan_note
from schemas.registry import BilingualText, Registry
from tests.support.factories import REGISTRY

TRIAL = REGISTRY.trials[0]
BEFORE, AFTER = TRIAL.starts - timedelta(days=9), TRIAL.starts + timedelta(days=9)


def applied(*applies: tuple[datetime, dict[str, Any]]) -> Directory:
    """Return the directory after the example was applied with the first trial so changed, at those times."""
    directory = Directory()
    for now, changes in applies:
        trials = [TRIAL.model_copy(update=changes), *REGISTRY.trials[1:]]
        registry: Registry = REGISTRY.model_copy(update={"trials": trials})
        plans = {**directory.plans, **changed_plans(directory, registry, now=now)}
        directory = Directory(version=1, registry=registry, plans=plans)
    return directory


CHANGED = applied(
    (BEFORE, {"planned_units": 180, "smallest_effect": 0.05}),
    (
        AFTER,
        {
            "planned_units": None,
            "smallest_effect": 0.4,
            "primary_metric": "orders",
            "guardrails": ["uptime", "refund_rate"],
            "hypothesis": BilingualText(zh="换了", en="another"),
            "starts": TRIAL.starts + timedelta(days=1),
        },
    ),
)


@pytest.mark.parametrize(
    ("directory", "zh", "en"),
    [
        (applied((BEFORE, {})), "开始之前已经确定", "fixed before its start"),
        (applied((AFTER, {})), "方案自2026年10月10日起才有记录", "on record since 10 Oct 2026, after its start"),
        (CHANGED, "开始后改过 6 处", "6 things were changed after its start"),
        (Directory(registry=REGISTRY), "试验的评判依据", "what the trial is judged by"),
    ],
    ids=["fixed", "late", "changed", "unknown"],
)
def test_it_is_called_fixed_only_where_it_was(directory: Directory, zh: str, en: str) -> None:
    notes = {lang: plan_note(directory, TRIAL.id, translator(lang)) for lang in ("zh", "en")}

    assert zh in notes["zh"]
    assert notes["en"].endswith(en)


@pytest.mark.parametrize(
    ("lang", "expected"),
    [
        (
            "en",
            [
                ("Start", "1 Oct 2026 00:00", "2 Oct 2026 00:00"),
                ("Hypothesis", TRIAL.hypothesis.en, "another"),
                ("Primary metric", "Success rate", "Orders"),
                ("Guardrails", "95th percentile of duration, Refund rate", "Uptime, Refund rate"),
                ("Planned placement-days", "180", "none"),
                ("Smallest difference worth finding", "5 points", "0.4 per placement-day"),
            ],
        ),
        (
            "zh",
            [
                ("开始", "2026年10月1日 00:00", "2026年10月2日 00:00"),
                ("假设", TRIAL.hypothesis.zh, "换了"),
                ("主要指标", "成功率", "订单数"),
                ("护栏指标", "", ""),
                ("计划的“展位·日”数", "180", "无"),
                ("值得发现的最小差异", "5 个百分点", "每“展位·日” 0.4"),
            ],
        ),
    ],
)
def test_each_change_is_told_with_its_time_and_both_values(lang: Language, expected: list[tuple[str, ...]]) -> None:
    rows = plan_changes(CHANGED, TRIAL.id, translator(lang))

    assert [row.field for row in rows] == [name for name, _, _ in expected]
    assert {row.when for row in rows} == {"10 Oct 2026 00:00" if lang == "en" else "2026年10月10日 00:00"}
    for row, (_, old, new) in zip(rows, expected, strict=True):
        assert (row.old, row.new) == (old, new) or not old


def test_the_api_tells_the_same_in_values() -> None:
    answer = trial_json(CHANGED.trials[TRIAL.id], CHANGED)

    assert answer.plan == "changed"
    assert ("planned_units", 180, None) in {
        (c.field, c.old, c.new) for c in answer.plan_changes if c.field == "planned_units"
    }
    assert {c.at for c in answer.plan_changes} == {"2026-10-10T00:00:00+08:00"}
