"""From a report's content to its pages in one language: the same for HTML and PDF."""

from registry.plan_history import plan_standing
from reports.metrics import METRICS
from reports.presentation.health import health_words
from reports.presentation.language import Language, Message
from reports.presentation.names import arm_name
from reports.presentation.plan import plan_changes, plan_note
from reports.trial_report import words
from reports.trial_report.blocks import (
    Block,
    DefinitionsBlock,
    FactsBlock,
    HealthNotice,
    MetricDefinition,
    NoticesBlock,
    ParagraphBlock,
    QuoteBlock,
    ReportDocument,
    ReportSection,
    TableBlock,
    TableColumn,
)
from reports.trial_report.content import TrialReport
from reports.trial_report.notes import notes
from reports.trial_report.page_data import data_sections
from reports.trial_report.page_design import DesignDrawings
from reports.trial_report.page_results import ResultsSection
from reports.trial_report.page_seal import seal_section, since_section
from reports.trial_report.page_verdict import VerdictSection
from reports.trial_report.statement import SignedModel
from reports.trial_report.voice import ReportVoice
from reports.verification.software import made_by
from schemas.registry import MetricId
from schemas.timing import DAY_MS

NOTHING_LEFT_OUT = "nothing"


def document(report: TrialReport, language: Language, signed: SignedModel | None = None) -> ReportDocument:
    """Return *report* in *language*, its charts drawn; *signed* is the model of a frozen one, which it then carries."""
    voice = ReportVoice(language)
    results = ResultsSection(report, voice)
    judged, others = results.sections()
    drawings = DesignDrawings(report, voice).drawn()
    verdict, drawn = VerdictSection(report, voice).section()
    data, charts = data_sections(report, voice)
    sections = (
        ReportSection(voice.say(words.BRIEF), results.brief()),
        ReportSection(voice.say(words.TRIED), (*_plan_blocks(report, voice), *(block for block, _ in drawings))),
        ReportSection(voice.say(words.TRUST), (_health(report, voice),)),
        ReportSection(voice.say(words.NOT_FINAL), (_notices(report, voice),)),
        judged,
        verdict,
        others,
        *data,
        *since_section(report, voice),
        ReportSection(voice.say(words.METHOD), tuple(ParagraphBlock(voice.say(text)) for text in words.METHODS)),
        ReportSection(voice.say(words.DEFINITIONS), (_definitions(voice),)),
        *seal_section(report, voice, signed),
    )
    other = voice.other()
    return ReportDocument(
        language=language,
        tag=voice.tag,
        kicker=f"{voice.translator.pick(report.avenue.name)} · {voice.say(words.REPORT)}",
        title=voice.translator.pick(report.product.name),
        other_title=other.translator.pick(report.product.name),
        other_tag=other.tag,
        owner=voice.translator.pick(report.startup.name),
        state=voice.say(words.STATES[report.state]),
        interim="" if _final(report) else voice.say(words.INTERIM),
        as_of=_as_of(report, voice),
        footer=f"{voice.say(words.REPORT)} {report.trial.id}",
        page_of=voice.say(words.PAGE_OF, page="{page}", pages="{pages}"),
        present_ms=report.present_ms,
        sections=sections,
        charts={**{block.name: drawing for block, drawing in drawings}, **results.charts(), **drawn, **charts},
        signed=signed,
    )


def _final(report: TrialReport) -> bool:
    return not any(note.changes for note in notes(report))


def _as_of(report: TrialReport, voice: ReportVoice) -> str:
    text = words.AS_OF_UNKNOWN if report.as_of_ms is None else words.AS_OF
    date, time = voice.formats.date(report.present_ms), voice.formats.clock(report.present_ms)
    return voice.say(text, time=f"{date} {time}")


def _facts(report: TrialReport, voice: ReportVoice) -> tuple[tuple[str, str], ...]:
    trial, made = report.trial, made_by()
    facts: list[tuple[Message, str]] = [
        (words.TRIAL, trial.id),
        (words.PERIOD, _period(report, voice)),
        (words.COVERED, _covered(report, voice)),
        *_baseline(report, voice),
        (words.ARMS, _arms(report, voice)),
        (words.PLACES, _places(report, voice)),
        *DesignDrawings(report, voice).lottery(),
        (words.PRIMARY, _named(voice, list(trial.primary_metrics))),
        (words.GUARDRAILS, _named(voice, list(trial.guardrails))),
        (words.PLAN, _plan(report, voice)),
        (words.PLAN_STANDING, _plan_standing(report, voice)),
        (words.REGISTERED, voice.formats.whole(report.directory.version)),
        (words.MADE_BY, voice.say(words.MADE_BY_VALUE, software=made.software, method=made.method)),
    ]
    return tuple((voice.say(name), value) for name, value in facts)


def _plan_standing(report: TrialReport, voice: ReportVoice) -> str:
    if plan_standing(report.directory, report.trial.id) == "unknown":
        return voice.say(words.PLAN_UNKNOWN)
    return plan_note(report.directory, report.trial.id, voice.translator)


def _period(report: TrialReport, voice: ReportVoice) -> str:
    span, formats = report.span, voice.formats
    days = -(-(span.ends_ms - span.starts_ms) // DAY_MS)
    # The end is excluded: of a trial that ends at midnight the day before is the last.
    first, last = formats.date(span.starts_ms), formats.date(span.ends_ms - 1)
    return voice.count(words.PERIOD_VALUE, days, first=first, last=last)


def _covered(report: TrialReport, voice: ReportVoice) -> str:
    if report.interval.empty:
        return voice.say(words.COVERED_NONE)
    start, end = (voice.formats.moment(at) for at in (report.interval.from_ms, report.interval.to_ms))
    return voice.say(words.COVERED_VALUE, start=start, end=end)


def _baseline(report: TrialReport, voice: ReportVoice) -> list[tuple[Message, str]]:
    if report.span.baseline_from_ms is None:
        return []
    start, events = voice.formats.date(report.span.baseline_from_ms), report.arrivals.baseline_period
    return [(words.BASELINE_PERIOD, voice.count(words.BASELINE_VALUE, events, start=start))]


def _arms(report: TrialReport, voice: ReportVoice) -> str:
    arms = voice.joined(arm_name(arm, voice.translator) for arm in report.trial.arms)
    baseline = report.readout.baseline_arm
    if baseline is None:
        return arms
    return voice.say(words.ARMS_VALUE, arms=arms, baseline=arm_name(baseline, voice.translator))


def _places(report: TrialReport, voice: ReportVoice) -> str:
    metres = [placement.metre for placement in report.placements]
    if not metres:
        return voice.say(words.PLACES_NONE)
    places = voice.count(words.PLACES_COUNT, len({placement.place_id for placement in report.placements}))
    low, high = f"{min(metres):g}", f"{max(metres):g}"
    return voice.count(words.PLACES_VALUE, len(metres), places=places, low=low, high=high)


def _named(voice: ReportVoice, metrics: list[MetricId]) -> str:
    if not metrics:
        return voice.say(words.NONE_NAMED)
    return voice.joined(voice.translator.pick(METRICS[metric].name) for metric in metrics)


def _plan(report: TrialReport, voice: ReportVoice) -> str:
    planned, effect = report.trial.planned_units, report.trial.smallest_effect
    units = voice.say(words.PLAN_NONE)
    if planned is not None:
        units = voice.count(words.PLAN_VALUE, planned)
    if effect is None:
        return units
    shown = voice.formats.effect(report.trial.primary_metric, effect)
    return voice.joined([units, voice.say(words.EFFECT_VALUE, effect=shown)])


def _notices(report: TrialReport, voice: ReportVoice) -> NoticesBlock:
    return NoticesBlock(
        tuple(
            HealthNotice(note.state, voice.say(words.HEALTH_STATES[note.state]), voice.translator.pick(note.text))
            for note in notes(report)
        )
    )


def _health(report: TrialReport, voice: ReportVoice) -> NoticesBlock:
    said = ((line.state, voice.sentence(health_words(line, voice.translator))) for line in report.health)
    return NoticesBlock(tuple(HealthNotice(state, voice.say(words.HEALTH_STATES[state]), text) for state, text in said))


def _plan_blocks(report: TrialReport, voice: ReportVoice) -> tuple[Block, ...]:
    """Return hypothesis and plan, and what was changed in them after the start."""
    blocks = (_hypothesis(report, voice), FactsBlock(_facts(report, voice)))
    changes = plan_changes(report.directory, report.trial.id, voice.translator)
    if not changes:
        return blocks
    titles = (words.CHANGE_WHEN, words.WHAT, words.CHANGE_OLD, words.CHANGE_NEW)
    columns = tuple(TableColumn(voice.say(title), "left", 1) for title in titles)
    rows = tuple((change.when, change.field, change.old, change.new) for change in changes)
    return (*blocks, TableBlock(columns, rows, caption=voice.say(words.PLAN_CHANGES)))


def _hypothesis(report: TrialReport, voice: ReportVoice) -> QuoteBlock:
    """Return the hypothesis in both languages."""
    other = voice.other()
    return QuoteBlock(
        voice.translator.pick(report.trial.hypothesis), other.translator.pick(report.trial.hypothesis), other.tag
    )


def _definitions(voice: ReportVoice) -> DefinitionsBlock:
    items = []
    for metric in METRICS.values():
        qualities = [voice.say(words.UNIT_NAMES[metric.unit]), voice.say(words.BETTER[metric.better])]
        if metric.exclusions.en != NOTHING_LEFT_OUT:
            qualities.insert(0, voice.labelled(words.LEFT_OUT, voice.translator.pick(metric.exclusions)))
        items.append(
            MetricDefinition(
                id=metric.id,
                name=voice.translator.pick(metric.name),
                lines=(voice.translator.pick(metric.formula), voice.listed(qualities)),
            )
        )
    return DefinitionsBlock(tuple(items))
