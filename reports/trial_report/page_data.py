"""What a report stands on: what came and what did not, who reported, totals by platform and placement, the funnel."""

from collections.abc import Callable, Sequence

from reports.metrics import METRICS, SPLIT_METRICS
from reports.presentation.formats import NOTHING
from reports.presentation.labels import REASONS
from reports.presentation.names import arm_name, arms_of_placement, kind_name, placement_name, platform_name
from reports.queries.model import Funnel, FunnelStep, MetricTotal, Presence
from reports.queries.presence import platform_of
from reports.trial_report import words
from reports.trial_report.blocks import Block, Drawing, ParagraphBlock, ReportSection, Rows, TableBlock, TableColumn
from reports.trial_report.content import TrialReport
from reports.trial_report.page_charts import chart_of_coverage, chart_of_lines
from reports.trial_report.voice import ReportVoice
from schemas.outcomes import RejectReason
from schemas.registry import MetricId
from schemas.timing import Timing

EVENTS_CHART = "events"
TABLE_ROWS = 60
"""Placements of a table; the JSON and XLSX forms list them all."""


def data_sections(report: TrialReport, voice: ReportVoice) -> tuple[tuple[ReportSection, ...], dict[str, Drawing]]:
    """Return what the report stands on, and the drawings by name."""
    events_title = voice.say(words.EVENTS_BY_DAY)
    drawn = (
        chart_of_lines(report, voice, report.daily.events_by_platform, (EVENTS_CHART, events_title, "")),
        chart_of_coverage(report, voice, title=voice.say(words.COVERAGE_BY_DAY)),
    )
    events, coverage = ([found[0]] if found else [] for found in drawn)
    sections = (
        ReportSection(voice.say(words.DATA), (_arrivals(report, voice), *_rejects(report, voice), *events)),
        ReportSection(voice.say(words.PLACEMENTS), (*_placements(report, voice), *coverage)),
        ReportSection(voice.say(words.TOTALS), (*_totals(report, voice), *_funnel(report, voice))),
    )
    return sections, {found[0].name: found[1] for found in drawn if found}


def _arrivals(report: TrialReport, voice: ReportVoice) -> TableBlock:
    found, whole = report.arrivals, voice.formats.whole
    late = voice.say(words.ROW_LATE_SAID, grace=voice.formats.duration(_grace_ms(report)))
    if found.longest_delay_ms is not None:
        longest = voice.formats.duration(found.longest_delay_ms)
        late = voice.listed([late, voice.say(words.ROW_LATE_LONGEST, longest=longest)])
    refused = words.ROW_DOOR_SAID if found.answered_duplicate is not None else words.ROW_DOOR_UNKNOWN
    settled = voice.say(words.ROW_SETTLED_NONE)
    if found.blocks:
        settled = voice.say(words.ROW_SETTLED_SAID, settled=whole(found.settled_blocks), blocks=whole(found.blocks))
    share = NOTHING if found.settled_share is None else voice.formats.percent(found.settled_share)
    rows = (
        (words.ROW_EVENTS, whole(found.stored), voice.say(words.ROW_EVENTS_SAID)),
        (words.ROW_UNASSIGNED, whole(found.unassigned), voice.say(words.ROW_UNASSIGNED_SAID)),
        (words.ROW_LATE, whole(found.late), late),
        (words.ROW_REPEATS, whole(found.repeats), voice.say(words.ROW_REPEATS_SAID)),
        (words.ROW_DOOR, _or_nothing(whole, found.answered_duplicate), voice.say(refused)),
        (words.ROW_REJECTED, whole(sum(report.rejects.values())), voice.say(words.ROW_REJECTED_SAID)),
        (words.ROW_SETTLED, share, settled),
        (words.ROW_FLAGGED, whole(report.freshness.flagged_windows), voice.say(words.ROW_FLAGGED_SAID)),
    )
    columns = (
        TableColumn(voice.say(words.WHAT), "left"),
        TableColumn(voice.say(words.COUNT)),
        TableColumn(voice.say(words.MEANING), "left", 1),
    )
    return TableBlock(columns, tuple((voice.say(name), number, said) for name, number, said in rows))


def _grace_ms(report: TrialReport) -> int:
    return report.directory.epoch.grace_ms if report.directory.epoch else Timing().grace_ms


def _or_nothing(write: Callable[[int], str], number: int | None) -> str:
    return NOTHING if number is None else write(number)


def _rejects(report: TrialReport, voice: ReportVoice) -> tuple[Block, ...]:
    if not report.rejects:
        return (ParagraphBlock(voice.say(words.REJECTS_NONE), "note"),)
    total = sum(report.rejects.values())
    titles = {str(reason): voice.translator.say(text.title) for reason, text in REASONS.items()}
    rows = tuple(
        (titles.get(reason, reason), reason, voice.formats.whole(count), voice.formats.percent(count / total))
        for reason, count in sorted(report.rejects.items(), key=lambda item: (-item[1], _rank(item[0])))
    )
    columns = (
        TableColumn(voice.say(words.REASON), "left", 1),
        TableColumn(voice.say(words.CODE), "left"),
        TableColumn(voice.say(words.COUNT)),
        TableColumn(voice.say(words.SHARE)),
    )
    return (TableBlock(columns, rows, voice.say(words.REJECTS), voice.say(words.REJECTS_NOTE)),)


def _rank(reason: str) -> int:
    known = [str(member) for member in RejectReason]
    return known.index(reason) if reason in known else len(known)


def _placements(report: TrialReport, voice: ReportVoice) -> tuple[Block, ...]:
    note = ParagraphBlock(voice.say(words.PLACEMENTS_NOTE), "note")
    if not report.presences:
        return (note,)
    found = {presence.placement_id: presence for presence in report.presences}
    rows = [_placement(report, voice, found[p.id]) for p in report.placements if p.id in found][:TABLE_ROWS]
    columns = (
        TableColumn(voice.say(words.PLACEMENT), "left", 1),
        TableColumn(voice.say(words.METRE)),
        TableColumn(voice.say(words.PLATFORM), "left"),
        TableColumn(voice.say(words.ARM), "left"),
        TableColumn(voice.say(words.DUE_HOURS)),
        TableColumn(voice.say(words.COVERED_HOURS)),
        TableColumn(voice.say(words.COVERAGE)),
        TableColumn(voice.say(words.UPTIME)),
    )
    return note, TableBlock(columns, tuple(rows))


def _placement(report: TrialReport, voice: ReportVoice, presence: Presence) -> tuple[str, ...]:
    formats, placement = voice.formats, report.directory.placements[presence.placement_id]
    uptime = voice.say(words.UNKNOWN)
    if presence.up_ms is not None and presence.due_ms:
        uptime = formats.percent(presence.up_ms / presence.due_ms)
    return (
        placement_name(presence.placement_id, report.directory, voice.translator),
        f"{placement.metre:g}",
        platform_name(platform_of(report.directory, presence.placement_id), voice.translator),
        arms_of_placement(presence.placement_id, report.directory, voice.translator),
        formats.whole(presence.due_hours),
        formats.whole(presence.covered_hours),
        formats.percent(presence.covered_hours / presence.due_hours) if presence.due_hours else NOTHING,
        uptime,
    )


def _totals(report: TrialReport, voice: ReportVoice) -> tuple[Block, ...]:
    def platform(value: str) -> str:
        return platform_name(value, voice.translator)

    def placement(value: str) -> str:
        return placement_name(value, report.directory, voice.translator)

    return (
        ParagraphBlock(voice.say(words.TOTALS_NOTE), "note"),
        _split(report, voice, "platform", (voice.say(words.BY_PLATFORM), voice.say(words.PLATFORM), platform)),
        _split(report, voice, "placement", (voice.say(words.BY_PLACEMENT), voice.say(words.PLACEMENT), placement)),
    )


def _split(
    report: TrialReport, voice: ReportVoice, by: str, labels: tuple[str, str, Callable[[str], str]]
) -> TableBlock:
    caption, title, name = labels
    found = report.by_platform if by == "platform" else report.by_placement
    values = {(total.by[by], total.metric): total for total in found}
    keys = sorted({key for key, _ in values}, key=lambda key: (-_events(values.get((key, "events"))), key))
    keys = keys[:TABLE_ROWS]
    # What nobody tells of the whole trial has no known 0 in a part either.
    untold = {m for m in SPLIT_METRICS if (of := report.whole.get(m)) is not None and of.untold}
    told = [[values.get((key, m), report.whole[m] if m in untold else None) for m in SPLIT_METRICS] for key in keys]
    rows = [(name(key), *_cells(voice, row)) for key, row in zip(keys, told, strict=True)]
    whole = (voice.say(words.WHOLE), *_cells(voice, [report.whole.get(m) for m in SPLIT_METRICS]))
    columns = (
        TableColumn(title, "left", 1),
        *(TableColumn(voice.translator.pick(METRICS[metric].name)) for metric in SPLIT_METRICS),
    )
    return TableBlock(columns, (*rows, whole), caption, whole=True)


def _events(total: MetricTotal | None) -> float:
    return (total.value or 0) if total else 0


def _cells(voice: ReportVoice, totals: Sequence[MetricTotal | None]) -> list[str]:
    """Return the row of a split; a split without anything to count of a metric is 0 where it counts, else a dash."""
    return [_cell(voice, metric, total) for metric, total in zip(SPLIT_METRICS, totals, strict=True)]


def _cell(voice: ReportVoice, metric: MetricId, total: MetricTotal | None) -> str:
    if total is not None:
        return NOTHING if total.untold else voice.formats.metric(metric, total.value)
    return voice.formats.none_of(metric)


def _funnel(report: TrialReport, voice: ReportVoice) -> tuple[Block, ...]:
    funnels = [funnel for funnel in report.funnels if any(step.events for step in funnel.steps)]
    if not funnels:
        return (ParagraphBlock(voice.say(words.FUNNEL_NONE), "note"),)
    arms = [arm_name(funnel.by.get("arm", ""), voice.translator) for funnel in funnels]
    columns = [TableColumn(voice.say(words.STEP), "left", 1)]
    for arm in arms:
        columns += [TableColumn(voice.say(words.EVENTS_OF, arm=arm)), TableColumn(voice.say(words.PEOPLE_OF, arm=arm))]
    rows: Rows = tuple(
        (
            kind_name(steps[0].kind, voice.translator),
            *(cell for step, own in zip(steps, funnels, strict=True) for cell in _step(voice, step, own)),
        )
        for steps in zip(*(funnel.steps for funnel in funnels), strict=True)
    )
    return (TableBlock(tuple(columns), rows, voice.say(words.FUNNEL), voice.say(words.FUNNEL_NOTE)),)


def _step(voice: ReportVoice, step: FunnelStep, funnel: Funnel) -> tuple[str, str]:
    # Where no first step names a person, how many went on is not known: none would be another thing.
    people = voice.formats.whole(step.subjects) if funnel.steps[0].subjects else NOTHING
    if step.share is not None:
        people = voice.say(words.PEOPLE_AND_SHARE, people=people, share=voice.formats.percent(step.share))
    return voice.formats.whole(step.events), people
