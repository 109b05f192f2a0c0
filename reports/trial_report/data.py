"""A report as JSON: the same content for programs, with a schema of its own that only grows."""

from typing import Any, Literal

import msgspec

from reports.api.responses import definitions, freshness_json, names, product_json, readout_answer, trial_json
from reports.api.shapes import BilingualJson, DefinitionJson, FreshnessJson, ProductJson, ReadoutAnswer, TrialJson
from reports.dashboard.course_page import day_ms
from reports.metrics import METRICS
from reports.queries.health_lines import HealthState
from reports.queries.metric_verdicts import ReadoutWhy
from reports.queries.model import Funnel, MetricLines, MetricTotal, Presence
from reports.queries.readout import ArmLift
from reports.queries.spans import iso
from reports.queries.verdict_course import PlaceboCount
from reports.stats.trial_rows import Design
from reports.trial_report.content import TrialReport, TrialState
from reports.trial_report.notes import notes
from reports.trial_report.rota import RotaJson, rota_json
from reports.trial_report.statement import FrozenJson, SignatureJson, SinceFrozenJson
from reports.verification.seal import slot
from reports.verification.software import MadeByJson, made_by
from schemas.registry import MetricId, date_of

SCHEMA: Literal["avenue-trial-report-1"] = "avenue-trial-report-1"


class PeriodJson(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """What the figures count: events that occurred from *from* until before *to*."""

    from_: str
    to: str


class NoteJson(msgspec.Struct, frozen=True):
    """What is not final or not known; the code is stable, the text is for people."""

    code: str
    changes: bool
    """Whether it may still change the figures."""
    state: HealthState
    text: BilingualJson


class ArrivalsJson(msgspec.Struct, frozen=True):
    """How the events came."""

    stored: int
    unassigned: int
    baseline_period: int
    late: int
    longest_delay_ms: int | None
    last_received_at: str | None
    repeats: int
    answered_duplicate: int | None
    rejected: dict[str, int]
    """By reason."""
    windows: int
    settled_windows: int
    settled_share: float | None


class PresenceJson(msgspec.Struct, frozen=True):
    """What a placement was to report, and did; `uptime` is null where nobody knows."""

    placement: str
    due_hours: int
    covered_hours: int
    coverage: float | None
    uptime: float | None


class TotalJson(msgspec.Struct, frozen=True):
    """A metric over the whole period; `by` is empty where nothing was split."""

    metric: MetricId
    unit: str
    by: dict[str, str]
    value: float | int | None
    n: int


class DailyLineJson(msgspec.Struct, frozen=True):
    """A line: what it is about, and its points: start of the Shanghai day, value, n."""

    by: dict[str, str]
    points: list[tuple[str, float | int | None, int]]


class DailyJson(msgspec.Struct, frozen=True):
    """A metric by Shanghai day, exactly, from stored events."""

    metric: MetricId
    unit: str
    lines: list[DailyLineJson]


class FunnelStepJson(msgspec.Struct, frozen=True):
    """A step: its events, the people who came so far in order, and their share of the step before."""

    kind: str
    events: int
    people: int
    share: float | None


class FunnelJson(msgspec.Struct, frozen=True):
    """Exposure, start, completion, order."""

    by: dict[str, str]
    steps: list[FunnelStepJson]


class SilentEndsJson(msgspec.Struct, frozen=True):
    """A difference's bounds with all silent placement-days at one end of what is plausible, and at the other."""

    lowest: tuple[float, float] | None
    highest: tuple[float, float] | None


class PlaceboJson(msgspec.Struct, frozen=True):
    """How many random splits of the same days and places look as good; a bar counts those between two edges."""

    seen: float
    splits: int
    as_good: int
    as_far: int
    possible: float
    edges: list[float]
    bars: list[int]


class ArmVerdictJson(msgspec.Struct, frozen=True):
    """One arm against the baseline: what could be told after each day, and how far that can be shaken.

    A point is the day, the difference, its bounds, why there are none, and what was compared.
    """

    arm: str
    course: list[tuple[str, float | None, float | None, float | None, ReadoutWhy | None, Design]]
    silence: SilentEndsJson | None
    placebo: PlaceboJson | None


class VerdictJson(msgspec.Struct, frozen=True):
    """How the verdict on the primary metric came to be; no arms where there is nothing to compare."""

    metric: MetricId
    arms: list[ArmVerdictJson]


class TrialReportJson(msgspec.Struct, frozen=True):
    """A trial report. Figures are exact, from stored events; times are RFC 3339, money is in fen."""

    schema: Literal["avenue-trial-report-1"]
    made_by: MadeByJson
    avenue: BilingualJson
    startup: BilingualJson
    product_name: BilingualJson
    product: ProductJson
    trial: TrialJson
    state: TrialState
    registry_version: int
    as_of: str | None
    late_until: str
    period: PeriodJson
    final: bool
    notes: list[NoteJson]
    freshness: FreshnessJson
    arrivals: ArrivalsJson
    placements: list[PresenceJson]
    readout: ReadoutAnswer
    verdict: VerdictJson
    totals: list[TotalJson]
    daily: list[DailyJson]
    funnels: list[FunnelJson]
    definitions: list[DefinitionJson]
    rota: RotaJson | None = None
    """Where arms were drawn by lottery."""
    since_frozen: SinceFrozenJson | None = None
    """Where a report of this trial was frozen earlier: what has changed since."""
    frozen: FrozenJson | None = None
    """Of a frozen report alone: the data it stands on."""
    signature: SignatureJson | None = None
    """Of a frozen report alone."""


def json(report: TrialReport, *, key_id: str | None = None) -> bytes:
    """Return *report* as JSON, indented, ending in a newline; with an empty seal for the key *key_id*."""
    tree = report_json(report)
    if key_id is not None:
        tree = msgspec.structs.replace(tree, signature=SignatureJson(key_id, slot("json", key_id)))
    return msgspec.json.format(msgspec.json.encode(tree), indent=2) + b"\n"


def schema() -> dict[str, Any]:
    """Return the JSON Schema of what `json` returns."""
    return msgspec.json.schema(TrialReportJson)


def report_json(report: TrialReport) -> TrialReportJson:
    """Return *report* as the struct of its JSON."""
    found = notes(report)
    totals = (*report.whole.values(), *report.by_platform, *report.by_placement)
    daily = (report.daily.primary_by_arm, report.daily.events_by_platform)
    return TrialReportJson(
        schema=SCHEMA,
        made_by=made_by(),
        avenue=names(report.avenue.name),
        startup=names(report.startup.name),
        product_name=names(report.product.name),
        product=msgspec.structs.replace(product_json(report.product, report.directory), trials=[report.trial.id]),
        trial=trial_json(report.trial, report.directory),
        state=report.state,
        registry_version=report.directory.version,
        as_of=_iso(report.as_of_ms),
        late_until=iso(report.late_until_ms),
        period=PeriodJson(iso(report.interval.from_ms), iso(report.interval.to_ms)),
        final=not any(note.changes for note in found),
        notes=[NoteJson(note.code, note.changes, note.state, names(note.text)) for note in found],
        freshness=freshness_json(report.freshness),
        arrivals=_arrivals(report),
        placements=[_presence(presence) for presence in report.presences],
        readout=readout_answer(report.trial.id, report.readout, report.health, report.freshness),
        verdict=_verdict(report),
        totals=[_total(total) for total in totals],
        daily=[_daily(lines) for lines in daily],
        funnels=[_funnel(funnel) for funnel in report.funnels],
        definitions=definitions().metrics,
        rota=rota_json(report),
        since_frozen=report.since,
        frozen=report.frozen,
    )


def _arrivals(report: TrialReport) -> ArrivalsJson:
    found = report.arrivals
    return ArrivalsJson(
        stored=found.stored,
        unassigned=found.unassigned,
        baseline_period=found.baseline_period,
        late=found.late,
        longest_delay_ms=found.longest_delay_ms,
        last_received_at=_iso(found.last_received_ms),
        repeats=found.repeats,
        answered_duplicate=found.answered_duplicate,
        rejected=dict(report.rejects),
        windows=found.blocks,
        settled_windows=found.settled_blocks,
        settled_share=found.settled_share,
    )


def _verdict(report: TrialReport) -> VerdictJson:
    metric = report.trial.primary_metric
    lifts = {row.arm: row.lift for row in report.readout.rows if row.metric == metric and row.lift is not None}
    return VerdictJson(
        metric,
        [
            ArmVerdictJson(
                arm=course.arm,
                course=[
                    (date_of(day_ms(p.day)).isoformat(), p.absolute, p.low, p.high, p.why, p.design)
                    for p in course.points
                ],
                silence=_ends(lifts.get(course.arm)),
                placebo=_placebo(course.placebo),
            )
            for course in report.courses
        ],
    )


def _ends(lift: ArmLift | None) -> SilentEndsJson | None:
    if lift is None or lift.silence is None:
        return None
    return SilentEndsJson(_pair(*lift.silence.lowest), _pair(*lift.silence.highest))


def _pair(low: float | None, high: float | None) -> tuple[float, float] | None:
    return None if low is None or high is None else (low, high)


def _placebo(found: PlaceboCount | None) -> PlaceboJson | None:
    if found is None:
        return None
    return PlaceboJson(
        seen=found.seen,
        splits=found.splits,
        as_good=found.as_good,
        as_far=found.as_far,
        possible=found.possible,
        edges=list(found.edges),
        bars=list(found.bars),
    )


def _presence(found: Presence) -> PresenceJson:
    return PresenceJson(
        placement=found.placement_id,
        due_hours=found.due_hours,
        covered_hours=found.covered_hours,
        coverage=found.covered_hours / found.due_hours if found.due_hours else None,
        uptime=found.up_ms / found.due_ms if found.up_ms is not None and found.due_ms else None,
    )


def _total(total: MetricTotal) -> TotalJson:
    return TotalJson(total.metric, METRICS[total.metric].unit, dict(total.by), total.value, total.n)


def _daily(found: MetricLines) -> DailyJson:
    lines = [
        DailyLineJson(dict(line.by), [(iso(start_ms), value, n) for start_ms, value, n in line.points])
        for line in found.lines
    ]
    return DailyJson(found.metric, found.unit, lines)


def _funnel(found: Funnel) -> FunnelJson:
    steps = [FunnelStepJson(step.kind, step.events, step.subjects, step.share) for step in found.steps]
    return FunnelJson(dict(found.by), steps)


def _iso(at_ms: int | None) -> str | None:
    return None if at_ms is None else iso(at_ms)


if __name__ == "__main__":
    import sys

    # Kept as docs/trial-report.schema.json.
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(schema()), indent=2).decode() + "\n")
