"""The lines of the health list in words: pages, API and report say them alike."""

from collections.abc import Callable, Mapping

from reports.presentation.formats import LocaleFormatter
from reports.presentation.labels import BETWEEN_CLAUSES, BETWEEN_NAMES, N_
from reports.presentation.language import Translator
from reports.presentation.names import arm_name, platform_name
from reports.presentation.verdicts import NOT_YET_CHANGED, REASONS, ReasonWords
from reports.queries.health_lines import HealthCheck, HealthFinding, HealthLine
from schemas.timing import MINUTE_MS

STEPS: Mapping[HealthCheck, str] = {
    "units": N_("see in the table of placements which did not report; each silent day makes the trial longer"),
    "silent": N_("find out why they were silent, and have what devices still hold sent"),
    "balance": N_("compare the arms' devices, networks and accounts: one may fall silent more often"),
    "coverage": N_("begin with the placement of the lowest coverage in the table: power, network, account"),
    "placements": N_("find the silent ones in the table of placements: power, network, account"),
    "flagged": N_(
        "windows that wait are done in minutes by themselves; tell the operator if they are still here in an hour"
    ),
    "refunds": N_("ask for the platform's refund messages, or push refunds in batches"),
    "crossover": N_("let places change arm less often, or register carry_over to leave out the day after a change"),
}
"""What would help; lines that name that themselves stand in no table here."""
_SAID: Mapping[tuple[HealthCheck, HealthFinding], str] = {
    ("arriving", "waiting"): N_("waiting for the first event"),
    ("arriving", "over"): N_("the trial is over: no more events are awaited"),
    ("silent", "none_due"): N_("no whole day is over yet"),
    ("silent", "none_silent"): N_("no placement-day was silent"),
    ("balance", "no_two_arms"): N_("there are no two arms to compare yet"),
    ("balance", "unequal"): N_("arms did not report as planned: a comparison may be biased"),
    ("balance", "unlike"): N_("arms reported unequal shares of their days, which may still be chance"),
    ("balance", "as_planned"): N_("arms report in the planned proportion"),
    ("coverage", "none_due"): N_("no hour was due yet"),
    ("placements", "none_due"): N_("no placement is due now"),
    ("blocks", "judged"): N_("the primary metric can be judged"),
    ("flagged", "none_flagged"): N_("no window is being recomputed"),
}
"""What a line says without a number in it."""
_SILENT: Mapping[HealthFinding, str] = {
    "would_change": N_("at their worst they would change what the primary metric says"),
    "would_hold": N_("even at their worst they would not turn what the primary metric says"),
    "not_judged": N_("they are in no mean: silent is not zero"),
}


def health_words(line: HealthLine, words: Translator) -> str:
    """Return what *line* says, and what would help unless it is green."""
    reason = _unjudged(line) if line.check == "blocks" else None
    said = _said(line, reason, words)
    # Not known yet is no fault, but for what a platform never tells.
    untold = line.state == "good" or (line.state == "unknown" and line.check != "refunds")
    step = reason.next_step if reason else STEPS.get(line.check)
    if step is None or untold:
        return said
    return words.say("%(said)s. What would help: %(step)s", said=said, step=words.say(step))


def _said(line: HealthLine, reason: ReasonWords | None, words: Translator) -> str:
    if reason is not None:
        return words.say("the primary metric cannot be judged: %(why)s", why=words.say(reason.reason))
    plain = _SAID.get((line.check, line.finding))
    return words.say(plain) if plain else _COUNTED[line.check](line, words)


def _unjudged(line: HealthLine) -> ReasonWords | None:
    if line.finding == "not_yet_changed":
        return NOT_YET_CHANGED
    return next((said for why, said in REASONS.items() if why == line.finding), None)


def _arriving(line: HealthLine, words: Translator) -> str:
    numbers, formats = line.numbers, LocaleFormatter(words)
    if line.finding == "behind":
        n = round((numbers["lag_s"] or 0) / 60)
        return words.count(
            "data are %(n)s minute behind: the road is slow", "data are %(n)s minutes behind: the road is slow", n, n=n
        )
    quiet_ms, expected = numbers["quiet_ms"] or 0, numbers["expected"]
    quiet = words.say("less than a minute")
    if quiet_ms >= MINUTE_MS:
        quiet = words.say("%(duration)s of opening time", duration=formats.duration(quiet_ms))
    if line.finding == "usual_rhythm":
        return words.say("events arrive in their usual rhythm, the latest %(quiet)s ago", quiet=quiet)
    if expected is None:
        return words.say("no event for %(quiet)s; look at the placements' devices and network", quiet=quiet)
    return words.say(
        "no event for %(quiet)s, in which about %(expected)s usually come; look at the placements' devices and network",
        quiet=quiet,
        expected=formats.whole(expected),
    )


def _units(line: HealthLine, words: Translator) -> str:
    seen, due, planned, today, changed, outside = (
        round(line.numbers[name] or 0) for name in ("seen", "due", "planned", "unfinished", "changed", "outside_events")
    )
    whole = LocaleFormatter(words).whole
    said = [_of_due(seen, due, None if line.numbers["planned"] is None else planned, words)]
    if today:
        said.append(words.count("%(n)s of today is not over", "%(n)s of today are not over", today, n=whole(today)))
    if changed:
        said.append(
            words.count(
                "%(n)s changed arm and counts for none",
                "%(n)s changed arm and count for none",
                changed,
                n=whole(changed),
            )
        )
    if outside:
        said.append(words.count("%(n)s event stands in none", "%(n)s events stand in none", outside, n=whole(outside)))
    return words.say(BETWEEN_CLAUSES).join(said)


def _of_due(seen: int, due: int, planned: int | None, words: Translator) -> str:
    whole = LocaleFormatter(words).whole
    if planned is None:
        return words.count(
            "%(seen)s placement-day of %(due)s due by now",
            "%(seen)s placement-days of %(due)s due by now",
            seen,
            seen=whole(seen),
            due=whole(due),
        )
    return words.count(
        "%(seen)s placement-day of %(due)s due by now, %(planned)s planned",
        "%(seen)s placement-days of %(due)s due by now, %(planned)s planned",
        seen,
        seen=whole(seen),
        due=whole(due),
        planned=whole(planned),
    )


def _silent(line: HealthLine, words: Translator) -> str:
    whole, prefix = LocaleFormatter(words).whole, "due_"
    arms = [
        words.say(
            "%(arm)s %(n)s of %(due)s",
            arm=arm_name(name.removeprefix(prefix), words),
            n=whole(line.numbers[f"silent_{name.removeprefix(prefix)}"] or 0),
            due=whole(due),
        )
        for name, due in line.numbers.items()
        if name.startswith(prefix) and due
    ]
    outcome = words.say(_SILENT[line.finding])
    return words.say(
        "silent placement-days: %(arms)s; %(outcome)s", arms=words.say(BETWEEN_NAMES).join(arms), outcome=outcome
    )


def _coverage(line: HealthLine, words: Translator) -> str:
    percent, uptime = LocaleFormatter(words).percent, line.numbers["uptime"]
    said = words.say("%(share)s of due hours were heard of", share=percent(line.numbers["coverage"] or 0))
    if uptime is None:
        return said
    online = words.say("devices that say so were online %(share)s", share=percent(uptime))
    return words.say(BETWEEN_CLAUSES).join((said, online))


def _placements(line: HealthLine, words: Translator) -> str:
    up, due = (round(line.numbers[name] or 0) for name in ("reporting", "due"))
    return words.count(
        "%(up)s of %(due)s placement that is due reports", "%(up)s of %(due)s placements that are due report", due,
        up=up, due=due,
    )  # fmt: skip


def _flagged(line: HealthLine, words: Translator) -> str:
    n = round(line.numbers["flagged"] or 0)
    return words.count(
        "%(n)s five-minute window waits to be recomputed, or differs unexplained",
        "%(n)s five-minute windows wait to be recomputed, or differ unexplained",
        n,
        n=LocaleFormatter(words).whole(n),
    )


def _refunds(line: HealthLine, words: Translator) -> str:
    names = words.say(BETWEEN_NAMES).join(platform_name(name, words) for name in line.names)
    return words.say(
        "refunds of these platforms are not reported: %(names)s; refund rate and revenue leave them out", names=names
    )


def _crossover(line: HealthLine, words: Translator) -> str:
    both, people = (round(line.numbers[name] or 0) for name in ("both", "people"))
    whole = LocaleFormatter(words).whole
    return words.count(
        "%(both)s of %(people)s person came to both arms; days of places are compared, not people, yet what one arm "
        "does to them may carry over into the other",
        "%(both)s of %(people)s people came to both arms; days of places are compared, not people, yet what one arm "
        "does to them may carry over into the other",
        people,
        both=whole(both),
        people=whole(people),
    )


_COUNTED: Mapping[HealthCheck, Callable[[HealthLine, Translator], str]] = {
    "arriving": _arriving,
    "units": _units,
    "silent": _silent,
    "coverage": _coverage,
    "placements": _placements,
    "flagged": _flagged,
    "refunds": _refunds,
    "crossover": _crossover,
}
