"""What to know before reading the numbers: each line says how it is, and why, in both languages."""

from reports.metrics import TranslatedText
from reports.presentation.formats import LocaleFormatter
from reports.presentation.language import LANGUAGES, translator
from reports.queries.avenue_map import reporting
from reports.queries.context import QueryContext
from reports.queries.freshness import complete_until, freshness, lag
from reports.queries.health_steps import with_step
from reports.queries.health_units import (
    balance_line,
    crossover_lines,
    judged_line,
    line,
    silent_line,
    unit_line,
)
from reports.queries.live import last_event_ms
from reports.queries.model import Freshness, HealthLine, HealthState, Interval, Number
from reports.queries.presence import placements_of, presences
from reports.queries.readout import TrialReadout, readout
from reports.queries.refunds import unreported
from reports.queries.rhythm import MISSED, expected_since
from reports.queries.spans import due_spans, total_ms
from reports.queries.trial_units import so_far
from schemas.timing import HOUR_MS, MINUTE_MS

QUIET_MS = HOUR_MS
"""So much opening time without an event is worth a look, as long as no rhythm is known."""
DEAD_MS = 8 * HOUR_MS
"""So much is a day without one."""
LAG_S = 300.0
"""The store further behind than this is behind, whatever the street does."""
COVERED, POORLY_COVERED = 0.9, 0.7
"""Of due placement-hours: above the first nothing much is missing, below the second too much."""


def health(
    context: QueryContext, trial_id: str, fresh: Freshness | None = None, judged: TrialReadout | None = None
) -> tuple[HealthLine, ...]:
    """Return the trial's health list, in the order in which it is to be read.

    *fresh* and *judged*, a readout with the primary metric, are asked for where the caller has none.
    """
    trial = context.directory.trials[trial_id]
    found = judged or readout(context, trial_id, (trial.primary_metric,))
    primary = [row for row in found.rows if row.metric == trial.primary_metric]
    over = context.span(trial_id).ends_ms <= context.now_ms
    lines = (
        _arriving(context, trial_id),
        unit_line(found, trial.planned_units, over=over),
        silent_line(found, primary),
        balance_line(found),
        _coverage(context, trial_id),
        _placements(context, trial_id),
        judged_line(found, trial, primary),
        _flagged(fresh or freshness(context, trial_id, found.interval)),
        *_refunds(unreported(context, trial_id)),
        *crossover_lines(found),
    )
    return tuple(map(with_step, lines))


def _arriving(context: QueryContext, trial_id: str) -> HealthLine:
    last_ms = last_event_ms(context, trial_id)
    if last_ms is None:
        return line("arriving", "unknown", TranslatedText("等待第一个事件", "waiting for the first event"))
    if context.span(trial_id).ends_ms <= context.now_ms:
        text = TranslatedText("试验已结束，不再等待事件", "the trial is over: no more events are awaited")
        return line("arriving", "good", text, {"last_ms": last_ms})
    lag_s = lag(context, complete_until(context, context.span(trial_id).product_id))
    numbers: dict[str, Number | None] = {"last_ms": last_ms, "lag_s": lag_s}
    if lag_s is not None and lag_s > LAG_S:
        minutes = round(lag_s / 60)
        text = TranslatedText(
            f"数据落后 {minutes} 分钟：处理线路有延迟", f"data are {minutes} min behind: the road is slow"
        )
        return line("arriving", "bad", text, numbers)
    quiet_ms = max(
        (
            total_ms(due_spans(context.directory, p, Interval(last_ms, context.now_ms)))
            for p in placements_of(context.directory, trial_id)
        ),
        default=0,
    )
    expected = expected_since(context, trial_id, last_ms)
    return line("arriving", *_rhythm(quiet_ms, expected), {**numbers, "expected": expected})


def _rhythm(quiet_ms: int, expected: float | None) -> tuple[HealthState, TranslatedText]:
    """Return how a silence of so much opening time sounds, where so many events are *expected* in it."""
    missed = quiet_ms >= QUIET_MS if expected is None else expected >= MISSED
    if not missed:
        last = _opening_time(quiet_ms)
        return "good", TranslatedText(
            f"事件按平时的节奏到达，最近一个在{last.zh}之前",
            f"events arrive in their usual rhythm, the latest {last.en} ago",
        )
    usual = (
        TranslatedText("", "")
        if expected is None
        else TranslatedText(f"，平时会有约 {expected:.0f} 个", f", in which about {expected:.0f} usually come")
    )
    quiet = _opening_time(quiet_ms)
    text = TranslatedText(
        f"已有{quiet.zh}没有事件{usual.zh}；请查看展位的设备与网络",
        f"no event for {quiet.en}{usual.en}; look at the placements' devices and network",
    )
    return ("bad" if quiet_ms >= DEAD_MS else "warning"), text


def _opening_time(ms: int) -> TranslatedText:
    """Return a time of open doors in the unit that reads well."""
    if ms < MINUTE_MS:
        return TranslatedText("不到 1 分钟", "less than a minute")
    zh, en = (LocaleFormatter(translator(language)).duration(ms) for language in LANGUAGES)
    return TranslatedText(f"营业时间 {zh} ", f"{en} of opening time")


def _coverage(context: QueryContext, trial_id: str) -> HealthLine:
    """Return which share of due hours was heard of, and of due time online where devices say so."""
    found = presences(context, trial_id, so_far(context, trial_id))
    due, covered = (
        (sum(hours) for hours in zip(*((p.due_hours, p.covered_hours) for p in found), strict=True))
        if found
        else (0, 0)
    )
    told = [p for p in found if p.up_ms is not None and p.due_ms]
    uptime = sum(p.up_ms or 0 for p in told) / sum(p.due_ms for p in told) if told else None
    numbers: dict[str, Number | None] = {"coverage": covered / due if due else None, "uptime": uptime}
    if not due:
        return line("coverage", "unknown", TranslatedText("还没有应上报的小时", "no hour was due yet"), numbers)
    share = covered / due
    worst = share if uptime is None else min(share, uptime)
    online = (
        TranslatedText("", "")
        if uptime is None
        else TranslatedText(f"，会报状态的设备在线 {uptime:.0%}", f"; devices that say so were online {uptime:.0%}")
    )
    text = TranslatedText(
        f"应上报的小时中有 {share:.0%} 上报{online.zh}", f"{share:.0%} of due hours were heard of{online.en}"
    )
    state: HealthState = "good" if worst >= COVERED else "warning" if worst >= POORLY_COVERED else "bad"
    return line("coverage", state, text, numbers)


def _placements(context: QueryContext, trial_id: str) -> HealthLine:
    up, due = reporting(context, trial_id)
    numbers: dict[str, Number | None] = {"reporting": up, "due": due}
    if not due:
        return line("placements", "unknown", TranslatedText("此刻没有应上报的展位", "no placement is due now"), numbers)
    text = TranslatedText(f"应上报 {due} 个展位，正在上报 {up} 个", f"{up} of {due} placements that are due report")
    return line("placements", "good" if up == due else "warning" if up else "bad", text, numbers)


def _flagged(found: Freshness) -> HealthLine:
    unexplained = any(block.reason == "unexplained" for block in found.flagged)
    numbers: dict[str, Number | None] = {"flagged": found.flagged_windows, "rejected": found.rejected}
    if not found.flagged_windows:
        return line("flagged", "good", TranslatedText("没有待重算的时段", "no window is being recomputed"), numbers)
    text = TranslatedText(
        f"{found.flagged_windows} 个五分钟时段待重算或有未解释的差异",
        f"{found.flagged_windows} five-minute windows wait to be recomputed, or differ unexplained",
    )
    return line("flagged", "bad" if unexplained else "warning", text, numbers)


def _refunds(silent: tuple[str, ...]) -> tuple[HealthLine, ...]:
    """Return a line where a platform tells no refunds; what cannot be known is said, and is not 0."""
    if not silent:
        return ()
    names = ", ".join(silent)
    text = TranslatedText(
        f"以下平台未上报退款：{names}；退款率与净收入不含其退款",
        f"refunds of these platforms are not reported: {names}; refund rate and revenue leave them out",
    )
    return (line("refunds", "unknown", text, {"platforms": len(silent)}),)
