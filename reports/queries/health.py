"""What to know before reading the numbers: each line says how it is, and why, in both languages."""

from collections.abc import Mapping

from reports.metrics import TranslatedText
from reports.queries.avenue_map import reporting
from reports.queries.context import QueryContext
from reports.queries.freshness import complete_until, freshness, lag
from reports.queries.live import last_event_ms
from reports.queries.model import Freshness, HealthCheck, HealthLine, HealthState, Interval, Number
from reports.queries.presence import placements_of
from reports.queries.refunds import unreported
from reports.queries.spans import due_spans, total_ms
from reports.queries.trial_units import so_far, trial_units
from reports.stats.balance import balance
from schemas.timing import HOUR_MS, MINUTE_MS

MIN_UNITS = 14
QUIET_MS = HOUR_MS
"""So much opening time without an event is worth a look."""
DEAD_MS = 8 * HOUR_MS
"""So much is a day without one."""
LAG_S = 300.0
"""The store further behind than this is behind, whatever the street does."""


def health(context: QueryContext, trial_id: str, fresh: Freshness | None = None) -> tuple[HealthLine, ...]:
    """Return the trial's health list, in the order in which it is to be read; *fresh* where that is known already."""
    interval, units = so_far(context, trial_id), trial_units(context, trial_id)
    came = units.by_arm(units.counted)
    return (
        _arriving(context, trial_id),
        _units(context, trial_id, due=len(units.due), seen=len(units.counted)),
        _balance(units.by_arm(units.due), came),
        _placements(context, trial_id),
        _blocks(came),
        _flagged(fresh or freshness(context, trial_id, interval)),
        *_refunds(unreported(context, trial_id)),
    )


def _line(
    check: HealthCheck, state: HealthState, text: TranslatedText, numbers: Mapping[str, Number | None] | None = None
) -> HealthLine:
    return HealthLine(check=check, state=state, zh=text.zh, en=text.en, numbers=numbers or {})


def _arriving(context: QueryContext, trial_id: str) -> HealthLine:
    last_ms = last_event_ms(context, trial_id)
    if last_ms is None:
        return _line("arriving", "unknown", TranslatedText("等待第一个事件", "waiting for the first event"))
    lag_s = lag(context, complete_until(context, context.span(trial_id).product_id))
    numbers: dict[str, Number | None] = {"last_ms": last_ms, "lag_s": lag_s}
    if lag_s is not None and lag_s > LAG_S:
        minutes = round(lag_s / 60)
        text = TranslatedText(
            f"数据落后 {minutes} 分钟：处理线路有延迟", f"data are {minutes} min behind: the road is slow"
        )
        return _line("arriving", "bad", text, numbers)
    quiet_ms = max(
        (
            total_ms(due_spans(context.directory, p, Interval(last_ms, context.now_ms)))
            for p in placements_of(context.directory, trial_id)
        ),
        default=0,
    )
    minutes = quiet_ms // MINUTE_MS
    if quiet_ms >= QUIET_MS:
        text = TranslatedText(f"营业时间内已 {minutes} 分钟没有事件", f"no event for {minutes} min of opening time")
        return _line("arriving", "bad" if quiet_ms >= DEAD_MS else "warning", text, numbers)
    return _line("arriving", "good", TranslatedText("事件正在到达", "events are arriving"), numbers)


def _units(context: QueryContext, trial_id: str, *, due: int, seen: int) -> HealthLine:
    planned = context.directory.trials[trial_id].planned_units
    numbers: dict[str, Number | None] = {"due": due, "seen": seen, "planned": planned}
    if planned is None:
        text = TranslatedText(
            f"已有 {seen} 个“展位·日”；未登记计划数", f"{seen} placement-days so far; the trial plans no number"
        )
        return _line("units", "unknown", text, numbers)
    text = TranslatedText(
        f"计划 {planned} 个“展位·日”，已有 {seen} 个，应有 {due} 个",
        f"{seen} placement-days of {planned} planned; {due} were due by now",
    )
    return _line("units", "good" if seen >= 0.9 * due else "warning", text, numbers)


def _balance(planned: Mapping[str, int], came: Mapping[str, int]) -> HealthLine:
    found = balance(planned, came)
    numbers: dict[str, Number | None] = {"p_value": found.p_value, **came}
    if found.p_value is None:
        return _line(
            "balance", "unknown", TranslatedText("没有可比较的两组", "there are no two arms to compare yet"), numbers
        )
    if found.alarming:
        text = TranslatedText(
            "各组到数比例与计划不符，对比可能有偏", "arms did not report as planned: a comparison may be biased"
        )
        return _line("balance", "bad", text, numbers)
    return _line(
        "balance", "good", TranslatedText("各组到数比例与计划相符", "arms report in the planned proportion"), numbers
    )


def _placements(context: QueryContext, trial_id: str) -> HealthLine:
    up, due = reporting(context, trial_id)
    numbers: dict[str, Number | None] = {"reporting": up, "due": due}
    if not due:
        return _line(
            "placements", "unknown", TranslatedText("此刻没有应上报的展位", "no placement is due now"), numbers
        )
    text = TranslatedText(f"应上报 {due} 个展位，正在上报 {up} 个", f"{up} of {due} placements that are due report")
    return _line("placements", "good" if up == due else "warning" if up else "bad", text, numbers)


def _blocks(came: Mapping[str, int]) -> HealthLine:
    fewest = min(came.values(), default=0)
    numbers: dict[str, Number | None] = {"fewest": fewest, "needed": MIN_UNITS}
    if fewest >= MIN_UNITS:
        return _line("blocks", "good", TranslatedText("“展位·日”足以判断", "enough placement-days to judge"), numbers)
    text = TranslatedText(
        f"数据还不够：最少的一组有 {fewest} 个“展位·日”，至少需要 {MIN_UNITS} 个",
        f"not enough yet: the smallest arm has {fewest} placement-days and needs {MIN_UNITS}",
    )
    return _line("blocks", "warning", text, numbers)


def _flagged(found: Freshness) -> HealthLine:
    unexplained = any(block.reason == "unexplained" for block in found.flagged)
    numbers: dict[str, Number | None] = {"flagged": found.flagged_windows, "rejected": found.rejected}
    if not found.flagged_windows:
        return _line("flagged", "good", TranslatedText("没有待重算的时段", "no window is being recomputed"), numbers)
    text = TranslatedText(
        f"{found.flagged_windows} 个五分钟时段待重算或有未解释的差异",
        f"{found.flagged_windows} five-minute windows wait to be recomputed, or differ unexplained",
    )
    return _line("flagged", "bad" if unexplained else "warning", text, numbers)


def _refunds(silent: tuple[str, ...]) -> tuple[HealthLine, ...]:
    """Return a line where a platform tells no refunds; what cannot be known is said, and is not 0."""
    if not silent:
        return ()
    names = ", ".join(silent)
    text = TranslatedText(
        f"以下平台未上报退款：{names}；退款率与净收入不含其退款",
        f"refunds of these platforms are not reported: {names}; refund rate and revenue leave them out",
    )
    return (_line("refunds", "unknown", text, {"platforms": len(silent)}),)
