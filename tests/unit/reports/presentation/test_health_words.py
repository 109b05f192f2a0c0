"""Health lines in words: each finding has its own, in both languages, with the right number and what would help."""

import re

import pytest

from reports.presentation.health import STEPS
from reports.presentation.verdicts import REASONS
from reports.queries.health_lines import HealthCheck, HealthFinding, HealthLine
from reports.queries.model import Number
from tests.support.readout_harness import told

LINES: dict[tuple[HealthCheck, HealthFinding], dict[str, Number | None]] = {
    ("arriving", "waiting"): {},
    ("arriving", "over"): {"last_ms": 5},
    ("arriving", "behind"): {"last_ms": 5, "lag_s": 601.0},
    ("arriving", "usual_rhythm"): {"lag_s": 1.0, "quiet_ms": 61_000, "expected": 0.2},
    ("arriving", "quiet"): {"lag_s": 1.0, "quiet_ms": 9 * 3_600_000, "expected": 7.6},
    ("units", "counted"): {
        "due": 3, "seen": 2, "planned": 9, "unfinished": 1, "changed": 1, "outside_events": 1
    },
    ("silent", "none_due"): {"silent_pilot": 0, "due_pilot": 0},
    ("silent", "none_silent"): {"silent_pilot": 0, "due_pilot": 2},
    ("silent", "would_change"): {"silent_pilot": 2, "due_pilot": 5, "silent_baseline": 0, "due_baseline": 0},
    ("silent", "would_hold"): {"silent_pilot": 2, "due_pilot": 5},
    ("silent", "not_judged"): {"silent_pilot": 2, "due_pilot": 5},
    ("balance", "no_two_arms"): {},
    ("balance", "unequal"): {},
    ("balance", "unlike"): {},
    ("balance", "as_planned"): {},
    ("coverage", "none_due"): {"coverage": None, "uptime": None},
    ("coverage", "counted"): {"coverage": 0.996, "uptime": 0.5},
    ("placements", "none_due"): {"reporting": 0, "due": 0},
    ("placements", "counted"): {"reporting": 1, "due": 3},
    ("blocks", "judged"): {},
    ("blocks", "not_yet_changed"): {},
    **{("blocks", why): {} for why in REASONS},
    ("flagged", "none_flagged"): {"flagged": 0},
    ("flagged", "flagged"): {"flagged": 3},
    ("refunds", "not_told"): {"platforms": 1},
    ("crossover", "both_arms"): {"both": 2, "people": 7},
}  # fmt: skip


def test_every_finding_is_a_sentence_of_its_own_in_both_languages() -> None:
    lines = [HealthLine(check, "warning", finding, numbers, ("douyin",)) for (check, finding), numbers in LINES.items()]

    for language in ("zh", "en"):
        said = [told(line, language) for line in lines]
        assert len(set(said)) == len(LINES) > 30
        assert [text for text in said if "%(" in text or "None" in text] == []
    assert [text for text in (told(line, "zh") for line in lines) if not re.search("[\u4e00-\u9fff]", text)] == []


@pytest.mark.parametrize(
    ("line", "zh", "en"),
    [
        (
            HealthLine("arriving", "bad", "behind", {"lag_s": 61.0}),
            "数据落后 1 分钟",
            "data are 1 minute behind",
        ),
        (
            HealthLine("units", "good", "counted", LINES["units", "counted"] | {"seen": 1, "planned": None}),
            "“展位·日”：1 个，至今应有 3 个；今天的 1 个尚未结束",
            "1 placement-day of 3 due by now; 1 of today is not over; 1 changed arm and counts for none; 1 event stands",
        ),
        (
            HealthLine("silent", "bad", "would_change", LINES["silent", "would_change"]),
            "静默的“展位·日”：试点组 2/5；若它们最坏，主要指标的结论会改变。可行的办法：查明",
            "silent placement-days: Pilot 2 of 5; at their worst they would change what the primary metric says. What",
        ),
        (
            HealthLine("coverage", "warning", "counted", {"coverage": 0.996, "uptime": 0.5}),
            "应上报的小时中有 99.6% 上报；会报状态的设备在线 50.0%",
            "99.6% of due hours were heard of; devices that say so were online 50.0%",
        ),
        (
            HealthLine("arriving", "bad", "quiet", LINES["arriving", "quiet"]),
            "已有营业时间 9 小时 0 分没有事件，平时会有约 8 个",
            "no event for 9 h 0 min of opening time, in which about 8 usually come",
        ),
        (
            HealthLine("placements", "good", "counted", {"reporting": 1, "due": 1}),
            "应上报 1 个展位，正在上报 1 个",
            "1 of 1 placement that is due reports",
        ),
        (
            HealthLine("blocks", "warning", "not_yet_changed", {}),
            "主要指标还不能判断：",
            "the primary metric cannot be judged: place and arm cannot be told apart so far",
        ),
        (HealthLine("refunds", "unknown", "not_told", {}, ("douyin", "meituan")), "抖音、美团", "Douyin, Meituan"),
    ],
)
def test_a_line_says_its_numbers_and_names(line: HealthLine, zh: str, en: str) -> None:
    assert zh in told(line, "zh")
    assert en in told(line, "en")


def test_what_would_help_stands_with_what_is_not_green_and_known() -> None:
    helped = {
        state: [check for check in STEPS if "What would help" in told(_line(check, state))]
        for state in ("good", "warning", "bad", "unknown")
    }

    assert helped == {"good": [], "warning": list(STEPS), "bad": list(STEPS), "unknown": ["refunds"]}


def _line(check: HealthCheck, state: str) -> HealthLine:
    finding = next(finding for known, finding in LINES if known == check)
    return HealthLine(check, state, finding, LINES[check, finding])  # type: ignore[arg-type]  # of a list of states
