"""What is not final in a report, or not known: each line a fact of its content, in both languages."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.dashboard.trial_data import judged_by
from reports.health_rules import CHANGING, LOW_COVERAGE, REPLAYABLE
from reports.metrics import METRICS, TranslatedText
from reports.presentation.labels import N_, NN_
from reports.presentation.language import LANGUAGES
from reports.presentation.names import arm_name, placement_name
from reports.presentation.verdicts import reason_words
from reports.queries.health_lines import HealthState
from reports.queries.readout import ArmReadout
from reports.stats.trial_rows import Design
from reports.trial_report.content import TrialReport
from reports.trial_report.voice import ReportVoice

if TYPE_CHECKING:
    from reports.queries.metric_verdicts import ReadoutWhy

NAMED = 6
"""Placements named in one line; of the others only the number."""

Said = tuple[str, HealthState, str]
"""A line in one language: what it is about, how much it matters, its text."""


@dataclass(frozen=True, slots=True)
class ReportNote:
    """One line in both languages."""

    code: str
    state: HealthState
    text: TranslatedText

    @property
    def changes(self) -> bool:
        """Whether it may still change the figures."""
        return self.code in CHANGING


def notes(report: TrialReport) -> tuple[ReportNote, ...]:
    """Return what may still change in *report*, or that nothing known may, and what its figures cannot tell."""
    # Which lines there are depends on the content alone, so both languages have the same.
    chinese, english = (_lines(report, ReportVoice(language)) for language in LANGUAGES)
    return tuple(
        ReportNote(code, state, TranslatedText(zh, en))
        for (code, state, zh), (_, _, en) in zip(chinese, english, strict=True)
    )


def _lines(report: TrialReport, voice: ReportVoice) -> list[Said]:
    found = [
        *_time(report, voice),
        *_gathering(report, voice),
        *_windows(report, voice),
        *_rejects(report, voice),
        *_judged(report, voice),
        *_silence(report, voice),
        *_outside(report, voice),
    ]
    if any(code in CHANGING for code, _, _ in found):
        return found
    final = N_(
        "The trial and the time for late events are over and all data are settled: nothing is known that "
        "would change these numbers."
    )
    return [("final", "good", voice.say(final)), *found]


def _time(report: TrialReport, voice: ReportVoice) -> Iterator[Said]:
    formats = voice.formats
    if report.state == "planned":
        text = N_("The trial begins on %(start)s.")
        yield "not_started", "unknown", voice.say(text, start=formats.moment(report.span.starts_ms))
    elif report.state == "running":
        text = N_("The trial runs until %(end)s: this is an interim report, and every number will still change.")
        yield "running", "warning", voice.say(text, end=formats.moment(report.span.ends_ms))
    elif report.present_ms < report.late_until_ms:
        text = N_(
            "The trial is over, but late events are taken until %(until)s; each changes the day on which it happened."
        )
        yield "late_possible", "warning", voice.say(text, until=formats.date(report.late_until_ms))


def _gathering(report: TrialReport, voice: ReportVoice) -> Iterator[Said]:
    if report.as_of_ms is None and report.arrivals.stored:
        text = N_("Up to when the data are complete is not known: the road has not reported its progress yet.")
        yield "completeness_unknown", "warning", voice.say(text)
    if report.moved:
        text = N_("Data came while this report was made: its parts may not stand on quite the same events.")
        yield "moved", "warning", voice.say(text)


def _judged(report: TrialReport, voice: ReportVoice) -> Iterator[Said]:
    """What the trial is judged by and cannot be judged yet: a line for each metric, with each arm's reason."""
    if report.state == "planned":
        return
    for metric in judged_by(report.trial):
        rows = [row for row in report.readout.rows if row.metric == metric and row.why is not None]
        if not rows:
            continue
        text = N_("%(metric)s: no interval. %(arms)s.")
        arms = voice.listed(_unjudged(row, report.readout.planned_design, voice) for row in rows)
        yield "no_interval", "unknown", voice.say(text, metric=voice.translator.pick(METRICS[metric].name), arms=arms)
    yield from _uncompared(report, voice)


def _uncompared(report: TrialReport, voice: ReportVoice) -> Iterator[Said]:
    """What arms cannot be told by: a line for each reason, with the metrics and what would help."""
    found: dict[ReadoutWhy, list[str]] = {}
    for metric in judged_by(report.trial):
        rows = (row for row in report.readout.rows if row.metric == metric and row.lift is not None)
        for why in dict.fromkeys(row.lift.why for row in rows if row.lift is not None and row.lift.why is not None):
            found.setdefault(why, []).append(voice.translator.pick(METRICS[metric].name))
    for why, metrics in found.items():
        said = reason_words(why, report.readout.planned_design)
        text = N_("Not compared: %(metrics)s. Why: %(why)s. What would help: %(next_step)s.")
        values = {"why": voice.say(said.reason), "next_step": voice.say(said.next_step)}
        yield "no_comparison", "unknown", voice.say(text, metrics=voice.joined(metrics), **values)


def _outside(report: TrialReport, voice: ReportVoice) -> Iterator[Said]:
    """What is in no unit."""
    units = report.readout.units
    no_place = units.outside_events - report.arrivals.unassigned
    if no_place > 0:
        text = NN_(
            "%(n)s event names no place: it is in the totals of its arm and in no placement-day.",
            "%(n)s events name no place: they are in the totals of their arms and in no placement-day.",
        )
        yield "no_place", "unknown", voice.count(text, no_place)
    if units.unfinished:
        text = NN_(
            "%(n)s placement-day of today is in no mean until the day is over; totals have it.",
            "%(n)s placement-days of today are in no mean until the day is over; totals have them.",
        )
        yield "unfinished_day", "unknown", voice.count(text, len(units.unfinished))
    if units.changed:
        text = NN_(
            "On %(n)s placement-day a place changed its arm: it is in neither.",
            "On %(n)s placement-days a place changed its arm: they are in neither.",
        )
        yield "changed_arm", "unknown", voice.count(text, len(units.changed))
    if units.left_out:
        text = NN_(
            "%(n)s placement-day after a change of arm is in no mean, as registered; totals have it.",
            "%(n)s placement-days after a change of arm are in no mean, as registered; totals have them.",
        )
        yield "carry_over", "unknown", voice.count(text, len(units.left_out))


def _unjudged(row: ArmReadout, planned: Design, voice: ReportVoice) -> str:
    if row.why is None:
        return ""
    why = voice.say(reason_words(row.why, planned).reason)
    said = voice.say(N_("%(arm)s: %(why)s"), arm=arm_name(row.arm, voice.translator), why=why)
    if row.needed_units is None:
        return said
    text = NN_(" (%(units)s of at least %(n)s placement-day)", " (%(units)s of at least %(n)s placement-days)")
    return said + voice.count(text, row.needed_units, units=voice.formats.whole(row.units))


def _windows(report: TrialReport, voice: ReportVoice) -> Iterator[Said]:
    found = report.arrivals
    if found.settled_share is not None and found.settled_blocks < found.blocks:
        text = N_(
            "Five-minute windows not settled yet: %(open)s (%(share)s of the data). Their events are counted, "
            "and will be checked once more."
        )
        numbers = {
            "open": voice.formats.whole(found.blocks - found.settled_blocks),
            "share": voice.formats.percent(1 - found.settled_share),
        }
        yield "unsettled", "warning", voice.say(text, **numbers)
    unexplained = sum(block.reason == "unexplained" for block in report.freshness.flagged)
    if unexplained:
        mending = NN_(
            "%(n)s five-minute window differs unexplained and is the operator's to mend; figures here are "
            "those recomputed from stored events.",
            "%(n)s five-minute windows differ unexplained and are the operator's to mend; figures here are "
            "those recomputed from stored events.",
        )
        yield "unexplained", "bad", voice.count(mending, unexplained)


def _silence(report: TrialReport, voice: ReportVoice) -> Iterator[Said]:
    poor = [p.placement_id for p in report.presences if p.due_hours and p.covered_hours / p.due_hours < LOW_COVERAGE]
    if poor:
        names = [placement_name(p, report.directory, voice.translator) for p in poor[:NAMED]]
        text = N_(
            "Placements that reported in less than %(share)s of their due hours: %(names)s%(more)s. What "
            "happened while they were silent is not known."
        )
        values = {
            "share": f"{voice.formats.whole(LOW_COVERAGE * 100)}%",
            "names": voice.joined(names),
            "more": _more(len(poor) - NAMED, voice),
        }
        yield "silent_placements", "warning", voice.say(text, **values)
    silent = {arm: units for arm, units in report.readout.silent_units.items() if units}
    if silent:
        counts = [f"{arm_name(arm, voice.translator)} {voice.formats.whole(units)}" for arm, units in silent.items()]
        text = N_("Placement-days that were due and sent nothing: %(counts)s; they are in no mean.")
        yield "silent_units", "warning", voice.say(text, counts=voice.joined(counts))


def _more(count: int, voice: ReportVoice) -> str:
    if count <= 0:
        return ""
    return voice.say(N_(" and %(n)s more"), n=voice.formats.whole(count))


def _rejects(report: TrialReport, voice: ReportVoice) -> Iterator[Said]:
    replayable = sum(report.rejects.get(reason, 0) for reason in REPLAYABLE)
    if replayable:
        text = NN_(
            "%(n)s kept reject can be replayed once the registry, or a fault of ours, is mended; it would "
            "then count on the day on which it happened.",
            "%(n)s kept rejects can be replayed once the registry, or a fault of ours, is mended; they "
            "would then count on the day on which they happened.",
        )
        yield "replayable", "warning", voice.count(text, replayable)
    if report.arrivals.unassigned:
        text = NN_(
            "%(n)s event is in no arm: it is in the totals and in no comparison.",
            "%(n)s events are in no arm: they are in the totals and in no comparison.",
        )
        yield "unassigned", "unknown", voice.count(text, report.arrivals.unassigned)
