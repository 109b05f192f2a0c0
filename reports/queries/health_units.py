"""Health lines of a trial's placement-days: how many, which were silent, and whether they can be judged."""

from collections.abc import Mapping

from reports.metrics import TranslatedText
from reports.presentation.language import translator
from reports.presentation.names import arm_name
from reports.presentation.verdicts import reason_words
from reports.queries.model import HealthCheck, HealthLine, HealthState, Number
from reports.queries.readout import ArmReadout, TrialReadout
from reports.stats.balance import balance
from schemas.registry import Trial

ENOUGH_SEEN = 0.9
"""Of the units that were due: fewer is worth a look."""
FEW_SILENT = 0.02
MANY_SILENT = 0.2
"""Of an arm's due units: so many silent ones may hide what the trial is about."""
APART = 0.1
"""So far apart the arms' shares of silent units are no longer alike."""
FEW_CROSSING = 0.05

Numbers = Mapping[str, Number | None]


def line(check: HealthCheck, state: HealthState, text: TranslatedText, numbers: Numbers | None = None) -> HealthLine:
    """Return a health line."""
    return HealthLine(check=check, state=state, zh=text.zh, en=text.en, numbers=numbers or {})


def unit_line(found: TrialReadout, planned: int | None, *, over: bool = False) -> HealthLine:
    """Return how many placement-days there are, and what stands outside them; of a trial that is *over*, all."""
    units = found.units
    due, seen, today, outside = len(units.due), len(units.counted), len(units.unfinished), units.outside_events
    numbers: Numbers = {
        "due": due,
        "seen": seen,
        "planned": planned,
        "unfinished": today,
        "changed": len(units.changed),
        "outside_events": outside,
    }
    of_plan = (
        TranslatedText("", "") if planned is None else TranslatedText(f"，计划 {planned} 个", f", {planned} planned")
    )
    said = [
        TranslatedText(
            f"“展位·日”：{seen} 个，应有 {due} 个{of_plan.zh}", f"{seen} placement-days of {due} due by now{of_plan.en}"
        )
    ]
    if today:
        said.append(TranslatedText(f"今天的 {today} 个尚未结束", f"{today} of today are not over"))
    if units.changed:
        said.append(
            TranslatedText(
                f"{len(units.changed)} 个当天换组，不计", f"{len(units.changed)} changed arm and count for none"
            )
        )
    if outside:
        said.append(TranslatedText(f"{outside} 个事件不属于任何“展位·日”", f"{outside} events stand in none"))
    text = TranslatedText("；".join(part.zh for part in said), "; ".join(part.en for part in said))
    if not due:
        return line("units", "unknown", text, numbers)
    wanted = max(due, planned or 0) if over else due
    return line("units", "good" if seen >= ENOUGH_SEEN * wanted else "warning", text, numbers)


def silent_line(found: TrialReadout, primary: list[ArmReadout]) -> HealthLine:
    """Return which share of each arm's days was silent, and whether that could have hidden another verdict."""
    due, silent = (found.units.by_arm(units) for units in (found.units.due, found.units.silent))
    shares = {arm: silent[arm] / n for arm, n in due.items() if n}
    numbers: Numbers = {f"silent_{arm}": n for arm, n in silent.items()} | {f"due_{arm}": n for arm, n in due.items()}
    if not shares:
        return line("silent", "unknown", TranslatedText("还没有过完的整日", "no whole day is over yet"), numbers)
    if max(shares.values()) <= 0:
        return line("silent", "good", TranslatedText("没有静默的“展位·日”", "no placement-day was silent"), numbers)
    by_arm = [(arm, silent[arm], due[arm]) for arm in shares]
    told = TranslatedText(
        "静默的“展位·日”：" + "，".join(f"{arm_name(arm, translator('zh'))} {n}/{of}" for arm, n, of in by_arm),
        "silent placement-days: "
        + ", ".join(f"{arm_name(arm, translator('en'))} {n} of {of}" for arm, n, of in by_arm),
    )
    changes = any(row.lift is not None and row.lift.silence is not None and row.lift.silence.changes for row in primary)
    judged = any(row.lift is not None and row.lift.absolute_low is not None for row in primary)
    outcome = _OUTCOMES["changes" if changes else "holds" if judged else "unjudged"]
    text = TranslatedText(f"{told.zh}；{outcome.zh}", f"{told.en}; {outcome.en}")
    return line("silent", _silent_state(list(shares.values()), changes=changes), text, numbers)


_OUTCOMES = {
    "changes": TranslatedText(
        "若它们最坏，主要指标的结论会改变", "at their worst they would change what the primary metric says"
    ),
    "holds": TranslatedText(
        "即使它们最坏，主要指标的结论也不变", "even at their worst they would not turn what the primary metric says"
    ),
    "unjudged": TranslatedText("它们不进入任何平均数，静默不等于零", "they are in no mean: silent is not zero"),
}


def _silent_state(shares: list[float], *, changes: bool) -> HealthState:
    if changes or max(shares) >= MANY_SILENT or max(shares) - min(shares) >= APART:
        return "bad"
    return "good" if max(shares) <= FEW_SILENT else "warning"


def balance_line(found: TrialReadout) -> HealthLine:
    """Return whether the arms reported in the planned proportion."""
    due, came = (found.units.by_arm(units) for units in (found.units.due, found.units.counted))
    checked = balance(due, came)
    numbers: Numbers = {"p_value": checked.p_value, **came}
    if checked.p_value is None:
        return line(
            "balance", "unknown", TranslatedText("没有可比较的两组", "there are no two arms to compare yet"), numbers
        )
    if checked.alarming:
        text = TranslatedText(
            "各组到数比例与计划不符，对比可能有偏", "arms did not report as planned: a comparison may be biased"
        )
        return line("balance", "bad", text, numbers)
    shares = [came[arm] / n for arm, n in due.items() if n]
    if max(shares) - min(shares) >= APART:
        text = TranslatedText(
            "各组到数比例相差较大，但还可能是偶然",
            "arms reported unequal shares of their days, which may still be chance",
        )
        return line("balance", "warning", text, numbers)
    return line(
        "balance", "good", TranslatedText("各组到数比例与计划相符", "arms report in the planned proportion"), numbers
    )


def judged_line(found: TrialReadout, trial: Trial, primary: list[ArmReadout]) -> HealthLine:
    """Return whether the primary metric can be judged, else why not and what to do about it."""
    counted = found.units.by_arm(found.units.counted)
    numbers: Numbers = {"fewest": min(counted.values(), default=0)}
    judged = [row.lift for row in primary if row.lift is not None] if len(trial.arms) > 1 else primary
    whys = [one.why for one in judged if one.why is not None]
    if not whys:
        return line("blocks", "good", TranslatedText("主要指标已可判断", "the primary metric can be judged"), numbers)
    said = reason_words(whys[0], found.planned_design)
    zh, en = (
        [translator(language).say(message) for message in (said.reason, said.next_step)] for language in ("zh", "en")
    )
    text = TranslatedText(
        f"主要指标还不能判断：{zh[0]}。可行的办法：{zh[1]}",
        f"the primary metric cannot be judged: {en[0]}. What would help: {en[1]}",
    )
    return line("blocks", "warning", text, numbers)


def crossover_lines(found: TrialReadout) -> tuple[HealthLine, ...]:
    """Return how many people came to both arms, where that was asked and any did."""
    if found.crossover is None or not found.crossover.both:
        return ()
    both, people = found.crossover.both, found.crossover.people
    text = TranslatedText(
        f"{people} 人中有 {both} 人两组都到过；比较的是地点的日子，不是人，但一组的影响可能被带到另一组",
        f"{both} of {people} people came to both arms; days of places are compared, not people, yet what one arm "
        "does to them may carry over into the other",
    )
    state: HealthState = "good" if both <= FEW_CROSSING * people else "warning"
    return (line("crossover", state, text, {"both": both, "people": people}),)
