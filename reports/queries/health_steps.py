"""What to do about a health line that is not green; lines that name their own step stand in no table here."""

from collections.abc import Mapping
from dataclasses import replace

from reports.metrics import TranslatedText
from reports.queries.model import HealthCheck, HealthLine

STEPS: Mapping[HealthCheck, TranslatedText] = {
    "units": TranslatedText(
        "看下方“展位”表里哪些展位没有上报；静默的日子会让试验更久",
        "see in the table of placements which did not report; each silent day makes the trial longer",
    ),
    "silent": TranslatedText(
        "查明为何静默，并让设备补传仍保存着的数据",
        "find out why they were silent, and have what devices still hold sent",
    ),
    "balance": TranslatedText(
        "比较两组展位的设备、网络和账号，看是否有一组更常静默",
        "compare the arms' devices, networks and accounts: one may fall silent more often",
    ),
    "coverage": TranslatedText(
        "从“展位”表中覆盖率最低的展位开始，检查电源、网络和账号",
        "begin with the placement of the lowest coverage in the table: power, network, account",
    ),
    "placements": TranslatedText(
        "在“展位”表里找到此刻静默的展位，检查电源、网络和账号",
        "find the silent ones in the table of placements: power, network, account",
    ),
    "flagged": TranslatedText(
        "待重算的时段几分钟后会自行完成；若一小时后仍在，请联系运营方",
        "windows that wait are done in minutes by themselves; tell the operator if they are still here in an hour",
    ),
    "refunds": TranslatedText(
        "向平台申请退款消息，或批量推送退款", "ask for the platform's refund messages, or push refunds in batches"
    ),
    "crossover": TranslatedText(
        "让换组更少，或登记 carry_over，把换组后的第一天剔除",
        "let places change arm less often, or register carry_over to leave out the day after a change",
    ),
}


def with_step(line: HealthLine) -> HealthLine:
    """Return *line* with what would help, unless it is green or names that itself."""
    step = STEPS.get(line.check)
    # Not known yet is no fault, but for what a platform never tells.
    if step is None or line.state == "good" or (line.state == "unknown" and line.check != "refunds"):
        return line
    return replace(line, zh=f"{line.zh}。可行的办法：{step.zh}", en=f"{line.en}. What would help: {step.en}")
