"""Every metric of a trial, defined once: what it is called, its formula, unit, exclusions, and how it is computed.

The reading API, the dashboard, the report and `docs/metrics.md` (`python -m reports.metrics`) all read this.
A metric is computed from measures; a measure is one sum, told twice: over metric cells and over stored events.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from schemas.registry import MetricId

Unit = Literal["events", "people", "sessions", "share", "ms", "fen", "stars"]
Better = Literal["higher", "lower", "neither"]
Harm = Literal["falls", "rises"]
"""Which way a guardrail is harmed."""
MONEY: MetricId = "revenue_fen"
"""Without any order or refund nobody knows whether nothing was sold, or nobody tells: no 0."""
SPLIT_METRICS: tuple[MetricId, ...] = (
    "events",
    "subjects",
    "sessions",
    "exposures",
    "completions",
    "success_rate",
    "orders",
    "revenue_fen",
    "rating_mean",
)
"""What a report tells by platform and by placement; people of two rows may be the same, so these do not add up."""


@dataclass(frozen=True, slots=True)
class TranslatedText:
    """The same in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Measure:
    """One sum: ClickHouse expressions over the columns of metric cells, and over those of stored events."""

    cells: str
    events: str


@dataclass(frozen=True, slots=True)
class SumRule:
    """The measure itself; n is `of`."""

    measure: str
    of: str


@dataclass(frozen=True, slots=True)
class RatioRule:
    """`top` over `bottom`; n is `bottom`, and nothing is said where it is 0."""

    top: str
    bottom: str


@dataclass(frozen=True, slots=True)
class DistinctRule:
    """How many different hashes: estimated from the cells' registers, exact from stored events; n is the events."""

    column: Literal["subjects", "sessions"]


@dataclass(frozen=True, slots=True)
class QuantileRule:
    """The smallest duration that at least `percent` of the uses do not exceed; n is the uses with a duration."""

    percent: int


@dataclass(frozen=True, slots=True)
class DueShareRule:
    """A share of what the registry says was due; n is due minutes (uptime) or due placement-hours (coverage)."""

    share: Literal["uptime", "coverage"]


MetricRule: TypeAlias = SumRule | RatioRule | DistinctRule | QuantileRule | DueShareRule


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. Formula and exclusions are written for whoever reads the numbers."""

    id: MetricId
    name: TranslatedText
    formula: TranslatedText
    exclusions: TranslatedText
    unit: Unit
    better: Better
    rule: MetricRule

    @property
    def counts(self) -> bool:
        """Whether it is a number of things, of which placement-days have a mean and arms a total."""
        return isinstance(self.rule, SumRule | DistinctRule)

    @property
    def harm(self) -> Harm | None:
        """Which way is harm: against `better`; None where neither way is."""
        ways: Mapping[Better, Harm] = {"higher": "falls", "lower": "rises"}
        return ways.get(self.better)


USE = "use.completed"


def _count(kind: str) -> Measure:
    return Measure(cells=f"sumIf(events, kind = '{kind}')", events=f"countIf(kind = '{kind}')")


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "events": Measure("sum(events)", "count()"),
        "exposures": _count("exposure"),
        "interactions": _count("interaction"),
        "starts": _count("use.started"),
        "uses": _count(USE),
        "ok": Measure(
            f"sumIf(events - failed - abandoned, kind = '{USE}')", f"countIf(kind = '{USE}' AND outcome = 'ok')"
        ),
        "failed": Measure(f"sumIf(failed, kind = '{USE}')", f"countIf(kind = '{USE}' AND outcome = 'failed')"),
        "abandoned": Measure(f"sumIf(abandoned, kind = '{USE}')", f"countIf(kind = '{USE}' AND outcome = 'abandoned')"),
        "timed_uses": Measure(
            f"sumIf(duration_count, kind = '{USE}')", f"countIf(kind = '{USE}' AND isNotNull(duration_ms))"
        ),
        "duration_ms": Measure(
            f"sumIf(duration_ms_sum, kind = '{USE}')", f"sumIf(ifNull(duration_ms, 0), kind = '{USE}')"
        ),
        "orders": _count("order.paid"),
        "refunds": _count("order.refunded"),
        "orders_and_refunds": Measure(
            "sumIf(events, kind IN ('order.paid', 'order.refunded'))",
            "countIf(kind IN ('order.paid', 'order.refunded'))",
        ),
        "revenue_fen": Measure(
            "sumIf(amount_fen_sum, kind = 'order.paid') - sumIf(amount_fen_sum, kind = 'order.refunded')",
            "sumIf(ifNull(amount_fen, 0), kind = 'order.paid') - sumIf(ifNull(amount_fen, 0), kind = 'order.refunded')",
        ),
        "trade_ins": _count("trade_in.completed"),
        "ratings": Measure("sum(rating_count)", "countIf(isNotNull(rating))"),
        "stars": Measure("sum(rating_sum)", "sum(toUInt64(ifNull(rating, 0)))"),
    }
)

_NOTHING = TranslatedText(zh="无", en="nothing")
_NO_OUTCOME = TranslatedText(
    zh="未产生 use.completed 的使用（只有开始、没有结束）",
    en="uses without a use.completed (started, never ended)",
)
_NO_DURATION = TranslatedText(zh="没有 duration_ms 的 use.completed", en="use.completed without duration_ms")


def _counted(metric: MetricId, zh: str, en: str, kind: str, better: Better = "higher") -> Metric:
    return Metric(
        id=metric,
        name=TranslatedText(zh, en),
        formula=TranslatedText(zh=f"类型为 {kind} 的事件数", en=f"number of {kind} events"),
        exclusions=_NOTHING,
        unit="events",
        better=better,
        rule=SumRule(metric, metric),
    )


def _share_of_uses(metric: MetricId, name: TranslatedText, outcome: str, top: str, better: Better) -> Metric:
    return Metric(
        id=metric,
        name=name,
        formula=TranslatedText(
            zh=f"结果为 {outcome} 的 use.completed ÷ 全部 use.completed",
            en=f"use.completed with outcome {outcome} ÷ all use.completed",
        ),
        exclusions=_NO_OUTCOME,
        unit="share",
        better=better,
        rule=RatioRule(top, "uses"),
    )


def _quantile(metric: MetricId, zh: str, en: str, percent: int) -> Metric:
    return Metric(
        id=metric,
        name=TranslatedText(zh, en),
        formula=TranslatedText(
            zh=f"至少 {percent} % 的 use.completed 的 duration_ms 不超过的最小值；"
            "随时间的曲线取自直方图（256 毫秒以内精确，以上每格宽度 ≤ 1 %，取格中点），读数与报告由存储事件精确计算",
            en=f"the smallest duration_ms that at least {percent} % of use.completed do not exceed; over time from a "
            "histogram (exact below 256 ms, bins at most 1 % wide above, their midpoint), "
            "in readouts and reports exactly, from stored events",
        ),
        exclusions=_NO_DURATION,
        unit="ms",
        better="lower",
        rule=QuantileRule(percent),
    )


def _people(metric: Literal["subjects", "sessions"], name: TranslatedText, what: TranslatedText, unit: Unit) -> Metric:
    return Metric(
        id=metric,
        name=name,
        formula=TranslatedText(
            zh=f"不同的{what.zh}数（按试验密钥的哈希，同一账号内）；随时间的曲线为 HyperLogLog 估计"
            "（1,024 个寄存器，标准误差 3.25 %），读数与报告精确",
            en=f"number of different {what.en} (hashed with the trial's key, within one account); over time estimated "
            "with HyperLogLog (1,024 registers, standard error 3.25 %), in readouts and reports exact",
        ),
        exclusions=TranslatedText(
            zh=f"没有{what.zh}的事件；同一人经两个账号出现时计为两个",
            en=f"events without a {metric.removesuffix('s')}; one person through two accounts counts as two",
        ),
        unit=unit,
        better="higher",
        rule=DistinctRule(metric),
    )


_DEFINED: tuple[Metric, ...] = (
    Metric(
        id="events",
        name=TranslatedText("事件数", "Events"),
        formula=TranslatedText("已接受的全部事件数", "number of accepted events"),
        exclusions=TranslatedText("重复与被拒的事件", "duplicates and rejected events"),
        unit="events",
        better="neither",
        rule=SumRule("events", "events"),
    ),
    _people("subjects", TranslatedText("人数", "People"), TranslatedText("主体（subject）", "subjects"), "people"),
    _people(
        "sessions", TranslatedText("会话数", "Sessions"), TranslatedText("会话（session_id）", "sessions"), "sessions"
    ),
    _counted("exposures", "曝光数", "Exposures", "exposure"),
    _counted("interactions", "互动数", "Interactions", "interaction"),
    _counted("starts", "开始使用数", "Starts", "use.started"),
    Metric(
        id="completions",
        name=TranslatedText("完成数", "Completions"),
        formula=TranslatedText("结果为 ok 的 use.completed 事件数", "number of use.completed events with outcome ok"),
        exclusions=TranslatedText(
            "结果为 failed 或 abandoned 的 use.completed", "use.completed that failed or were abandoned"
        ),
        unit="events",
        better="higher",
        rule=SumRule("ok", "ok"),
    ),
    _share_of_uses("success_rate", TranslatedText("成功率", "Success rate"), "ok", "ok", "higher"),
    _share_of_uses("failure_rate", TranslatedText("失败率", "Failure rate"), "failed", "failed", "lower"),
    _share_of_uses("abandon_rate", TranslatedText("放弃率", "Abandon rate"), "abandoned", "abandoned", "lower"),
    Metric(
        id="duration_mean",
        name=TranslatedText("平均时长", "Mean duration"),
        formula=TranslatedText(
            "use.completed 的 duration_ms 之和 ÷ 有 duration_ms 的 use.completed 数",
            "sum of duration_ms of use.completed ÷ number of use.completed with a duration_ms",
        ),
        exclusions=_NO_DURATION,
        unit="ms",
        better="lower",
        rule=RatioRule("duration_ms", "timed_uses"),
    ),
    _quantile("duration_p50", "时长中位数", "Median duration", 50),
    _quantile("duration_p95", "时长 95 分位", "95th percentile of duration", 95),
    _counted("orders", "订单数", "Orders", "order.paid"),
    Metric(
        id="revenue_fen",
        name=TranslatedText("净收入", "Revenue"),
        formula=TranslatedText(
            "order.paid 的 amount_fen 之和 − order.refunded 的 amount_fen 之和（分）",
            "sum of amount_fen of order.paid − sum of amount_fen of order.refunded, in fen",
        ),
        exclusions=TranslatedText("以旧换新的估价与成交金额", "amounts of trade-in quotes and completions"),
        unit="fen",
        better="higher",
        rule=SumRule("revenue_fen", "orders_and_refunds"),
    ),
    Metric(
        id="refund_rate",
        name=TranslatedText("退款率", "Refund rate"),
        formula=TranslatedText(
            "同一时段内 order.refunded 事件数 ÷ order.paid 事件数",
            "number of order.refunded ÷ number of order.paid of the same time",
        ),
        exclusions=TranslatedText(
            "没有付款订单的时段不计算；退款按退款发生的时间计，可能属于更早的订单，故短时段内可超过 100 %；"
            "平台未上报退款时不显示 0，而是空值",
            "nothing is said for a time without paid orders; a refund counts when it happened and may belong to an "
            "earlier order, so that a short time may show more than 100 %; where refunds of a platform are not "
            "reported, 0 is never said: the value is null and the health list names the platform",
        ),
        unit="share",
        better="lower",
        rule=RatioRule("refunds", "orders"),
    ),
    _counted("trade_ins", "以旧换新数", "Trade-ins", "trade_in.completed"),
    Metric(
        id="rating_mean",
        name=TranslatedText("平均评分", "Mean rating"),
        formula=TranslatedText(
            "rating 之和 ÷ 带 rating 的事件数（任何类型）",
            "sum of rating ÷ number of events with a rating, of any kind",
        ),
        exclusions=TranslatedText("没有 rating 的事件", "events without a rating"),
        unit="stars",
        better="higher",
        rule=RatioRule("stars", "ratings"),
    ),
    Metric(
        id="uptime",
        name=TranslatedText("在线率", "Uptime"),
        formula=TranslatedText(
            "应在线时间中，处于 device.online 与其后的 device.offline 之间、且不在超过 heartbeat_s 的静默之内的份额；"
            "静默从最后一个事件算到下一个事件。应在线时间＝展位在册期间 ∩ 试验期间 ∩ 营业时间，"
            "算到数据完整的时刻；n 为应在线分钟数",
            "share of due time that lies between a device.online and the next device.offline and in no silence longer "
            "than heartbeat_s, a silence being from the last event to the next. Due time = the placement's and the "
            "trial's times within opening hours, up to when data are complete; n is due minutes",
        ),
        exclusions=TranslatedText(
            "从未上报过 device.online 或 device.offline 的展位：其状态无人知晓",
            "placements that never sent a device.online or device.offline: nobody knows their state",
        ),
        unit="share",
        better="higher",
        rule=DueShareRule("uptime"),
    ),
    Metric(
        id="coverage",
        name=TranslatedText("覆盖率", "Coverage"),
        formula=TranslatedText(
            "应上报的“展位·小时”中，至少有一个事件或心跳的份额；短于一小时的步长显示其所在小时的值；"
            "n 为应上报的“展位·小时”数",
            "share of due placement-hours with at least one event or heartbeat; a step shorter than an hour shows its "
            "hour's value; n is due placement-hours",
        ),
        exclusions=TranslatedText(
            "尚未结束的小时；完全在营业时间、展位或试验时间之外的小时",
            "hours that are not over; hours wholly outside opening hours or the placement's or trial's times",
        ),
        unit="share",
        better="higher",
        rule=DueShareRule("coverage"),
    ),
)

METRICS: Mapping[MetricId, Metric] = MappingProxyType({metric.id: metric for metric in _DEFINED})


def percent_rank(n: int, percent: int) -> int:
    """Return the rank, from 1, of the *percent* quantile among *n* values: ceil(n · percent / 100), in integers."""
    return (n * percent + 99) // 100


_UNITS = {
    "events": "events 件",
    "people": "people 人",
    "sessions": "sessions 次",
    "share": "share 份额 (0…1)",
    "ms": "milliseconds 毫秒",
    "fen": "fen 分",
    "stars": "stars 星 (1…5)",
}
_HARM = {"falls": "it falls 下降", "rises": "it rises 上升"}
_BETTER = {"higher": "higher 越高越好", "lower": "lower 越低越好", "neither": "neither 不论高低"}


def _how(metric: Metric) -> str:
    match metric.rule:
        case SumRule(measure):
            return f"`{MEASURES[measure].cells}`"
        case RatioRule(top, bottom):
            return f"`{MEASURES[top].cells}` ÷ `{MEASURES[bottom].cells}`"
        case DistinctRule(column):
            return f"maximum of each register of `{column}`, then the HyperLogLog estimate"
        case QuantileRule(percent):
            return f"bin of rank ceil(n · {percent} / 100) in the summed histograms"
        case DueShareRule():
            return (
                "the registry's due time, first and last event times of cells, stored device.online and device.offline"
            )


def page() -> str:
    """Return `docs/metrics.md`."""
    parts = [
        "# Metrics 指标",
        "",
        "Written by `python -m reports.metrics`; a test holds it to `reports/metrics.py`. 由程序生成，请勿手改。",
        "A point is start, value, n; without anything to compute from, the value is `null`.",
        "Days are those of Asia/Shanghai.",
        "",
    ]
    for metric in METRICS.values():
        parts += [
            f"## `{metric.id}` {metric.name.zh} · {metric.name.en}",
            "",
            f"- Formula: {metric.formula.en}.",
            f"- 公式：{metric.formula.zh}。",
            f"- Left out: {metric.exclusions.en}. 不计入：{metric.exclusions.zh}。",
            f"- Unit 单位: {_UNITS[metric.unit]}. Better 取向: {_BETTER[metric.better]}.",
            *([f"- Harm as a guardrail 作为护栏时的损害: {_HARM[metric.harm]}."] if metric.harm else []),
            f"- From cells: {_how(metric)}.",
            "",
        ]
    return "\n".join(parts).rstrip() + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(page())
