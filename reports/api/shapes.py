"""What the reading API answers, as structs: its JSON, and the OpenAPI document that is made of them."""

from typing import Any, Literal

import msgspec

from registry.plan_history import PlanStanding
from reports.queries.health_lines import HealthState
from reports.queries.metric_verdicts import ReadoutWhy
from reports.queries.model import PlaceState, Step
from reports.queries.readout import HarmReading, Role
from reports.stats.trial_rows import Design
from schemas.registry import MetricId


class BilingualJson(msgspec.Struct, frozen=True):
    """A text in both languages."""

    zh: str
    en: str


class FlaggedJson(msgspec.Struct, frozen=True):
    """A five-minute window: its numbers may still change, or its layers differed unexplained."""

    start: str
    reason: Literal["unexplained", "waiting"]


class FreshnessJson(msgspec.Struct, frozen=True):
    """`as_of`: everything acknowledged by then is in the numbers; the rest is of the interval asked for."""

    as_of: str | None
    lag_s: float | None
    rejected: int
    flagged_windows: int
    flagged: list[FlaggedJson] = []


class SeriesJson(msgspec.Struct, frozen=True):
    """A line: what it is about, and its points: start, value, n."""

    by: dict[str, str]
    points: list[tuple[str, float | int | None, int]]


class MetricJson(msgspec.Struct, frozen=True):
    """One metric over time."""

    metric: MetricId
    unit: str
    step: Step
    series: list[SeriesJson]


class MetricAnswer(msgspec.Struct, frozen=True):
    """One metric over time, as asked for."""

    metric: MetricId
    unit: str
    step: Step
    series: list[SeriesJson]
    freshness: FreshnessJson


class MetricsAnswer(msgspec.Struct, frozen=True):
    """Several metrics over time, in the order asked."""

    metrics: list[MetricJson]
    freshness: FreshnessJson


class MeJson(msgspec.Struct, frozen=True):
    """Whose key this is, and what it shows."""

    key_id: str
    scope: str
    startup: str | None
    products: list[str]
    trials: list[str]


class ProductJson(msgspec.Struct, frozen=True):
    """A product."""

    id: str
    startup: str
    name: BilingualJson
    trials: list[str]


class ProductsAnswer(msgspec.Struct, frozen=True):
    """Products that this key may see."""

    products: list[ProductJson]


class PlacementJson(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """Where a trial's product stands."""

    id: str
    place: str
    arm: str
    account: str | None
    platform: str
    metre: float
    side: str
    zone: str
    from_: str
    until: str
    heartbeat_s: int | None
    arm_days: dict[str, list[str]] = {}
    zone_zh: str = ""
    """The street's days on which it is in another arm than `arm`."""


class PlanChangeJson(msgspec.Struct, frozen=True):
    """A field of a trial's plan that was changed after the trial began; None where it had no value."""

    at: str
    field: str
    old: Any
    new: Any


class TimelineNoteJson(msgspec.Struct, frozen=True):
    """What happened at a time, of this trial or (`shared`) of the whole avenue."""

    id: str
    at: str
    text: BilingualJson
    shared: bool


class TrialJson(msgspec.Struct, frozen=True):
    """A trial. `plan`: fixed before its start, changed since, first applied after it, or not known."""

    id: str
    product: str
    startup: str
    starts: str
    ends: str
    baseline_from: str | None
    arms: list[str]
    unit: str
    hypothesis: BilingualJson
    primary_metric: MetricId
    guardrails: list[MetricId]
    planned_units: int | None
    smallest_effect: float | None
    placements: list[PlacementJson]
    carry_over_days: int | None
    notes: list[TimelineNoteJson]
    plan: PlanStanding
    plan_changes: list[PlanChangeJson]
    more_primary_metrics: list[MetricId]
    """Metrics that decide, too: judged together with `primary_metric`, all of them sharing the risk."""


class TrialAnswer(TrialJson, frozen=True, kw_only=True):
    """A trial, and how long it can be read: from *kept_until* on questions about its numbers answer 410."""

    kept_until: str


class TrialsAnswer(msgspec.Struct, frozen=True):
    """Trials that this key may see, newest first."""

    trials: list[TrialAnswer]


class SilenceJson(msgspec.Struct, frozen=True):
    """What silent placement-days of the arm and the baseline could make of a lift, at their worst and their best."""

    units: int
    share: float
    interval: tuple[float, float] | None
    changes: bool
    """Whether a difference that is told now could be none, or the opposite."""


class LiftJson(msgspec.Struct, frozen=True):
    """Against the baseline arm: one interval for the difference itself, which may be read at any time.

    Without bounds *reason* says why, and *next_step* what would let it be told. *days* is in how many more days the
    trial's smallest effect would be told, at least and at most; an end is null where that is not within sight, or
    not worked out, as between places side by side.
    """

    absolute: float | None
    absolute_interval: tuple[float, float] | None
    relative: float | None
    relative_interval: tuple[float, float] | None
    reason: ReadoutWhy | None = None
    reason_text: BilingualJson | None = None
    next_step: BilingualJson | None = None
    days_low: int | None = None
    days_high: int | None = None
    harm: Literal["harmed", "none_seen", "unknown"] | None = None
    """Of a guardrail: whether harm is told; `none_seen` says only that it is not: *guardrail* says more."""
    harm_text: BilingualJson | None = None
    silence: SilenceJson | None = None
    """Of the primary metric, where units were silent."""
    guardrail: HarmReading | None = None
    """Of a guardrail: `harmed`, `kept` where the interval holds no harm, `unclear` where it holds some."""


class ArmJson(msgspec.Struct, frozen=True):
    """One metric in one arm; its interval is for the places that it had."""

    arm: str
    estimate: float | None
    interval: tuple[float, float] | None
    reason: ReadoutWhy | None
    reason_text: BilingualJson | None
    needed_units: int | None
    n: int
    units: int
    total: float | int | None
    lift: LiftJson | None
    places: int = 0
    next_step: BilingualJson | None = None


class ReadoutMetricJson(msgspec.Struct, frozen=True):
    """One metric in every arm; `per` says that the estimate is a mean per placement-day."""

    metric: MetricId
    role: Role
    unit: str
    per: Literal["placement-day"] | None
    better: str
    arms: list[ArmJson]
    design: Design = "one_arm"
    """What may be compared of this metric."""


class DesignJson(msgspec.Struct, frozen=True):
    """What the trial compares with what, what cancels in that and what does not; and what would let it say more."""

    name: BilingualJson
    compared: BilingualJson
    cancels: BilingualJson
    remains: BilingualJson
    next_step: BilingualJson | None


class UnitsJson(msgspec.Struct, frozen=True):
    """The trial's placement-days so far, by arm; a day is a unit once it is over."""

    counted: dict[str, int]
    due: dict[str, int]
    silent: dict[str, int]
    """Due, and nothing came: in no mean, since silent is not unused."""
    unfinished: dict[str, int]
    """Of today."""
    changed: int
    """On which a place changed its arm: in neither."""
    left_out: dict[str, int]
    """After a change of arm, as the trial's `carry_over` says: in totals, in no unit."""
    outside_events: int
    """Events that name no place or no arm: in totals, in no unit."""


class HealthJson(msgspec.Struct, frozen=True):
    """One line of the health list: `check` and `finding` are codes, and the text says both with the numbers."""

    check: str
    state: HealthState
    text: BilingualJson
    numbers: dict[str, float | int | None]
    finding: str
    names: list[str]
    """Platforms that the line is about."""


class BalanceJson(msgspec.Struct, frozen=True):
    """Placement-days that were due and that came, by arm; a p-value that may be read at any time."""

    due: dict[str, int]
    seen: dict[str, int]
    silent: dict[str, int]
    p_value: float | None


class CrossoverJson(msgspec.Struct, frozen=True):
    """How many people came to both of two arms, of all who came to either."""

    both: int
    people: int


class ReadoutAnswer(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """The trial so far."""

    trial: str
    from_: str
    to: str
    baseline_arm: str | None
    confidence: float
    metrics: list[ReadoutMetricJson]
    balance: BalanceJson
    health: list[HealthJson]
    freshness: FreshnessJson
    design: Design
    """What may be compared so far."""
    planned_design: Design
    """What may be compared when all that is registered has come."""
    comparison: DesignJson
    compared: BilingualJson
    """What is compared with what, in a sentence."""
    units: UnitsJson
    crossover: CrossoverJson | None = None
    told_together: list[str] | None = None
    """Of several primary metrics or arms: whose difference in the first metric is told, all counted (Holm)."""
    told_by_metric: dict[str, list[str]] | None = None
    """The same of each primary metric; null where one arm is compared by one metric."""
    questions: int = 0
    """How many differences decide: each primary metric's of each arm that came.

    They share the risk 1 - `confidence` evenly, so each interval is wider than one alone would be.
    """


class RejectSampleJson(msgspec.Struct, frozen=True):
    """One kept reject: `payload` is what was kept, other leaves as type and length, pseudonyms left out."""

    reject_id: str
    account: str
    platform: str
    flow: str
    field: str
    message: str
    event_id: str
    received_at: str
    payload: dict[str, Any] | list[Any] | None


class ReasonRejectsJson(msgspec.Struct, frozen=True):
    """Rejects of one reason: what it means, the way out, and the newest few."""

    reason: str
    count: int
    title: BilingualJson
    way_out: BilingualJson
    help: str
    samples: list[RejectSampleJson]


class RejectsAnswer(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """A trial's kept rejects by reason, the commonest first; what a replay has made events of is left out."""

    trial: str
    from_: str
    to: str
    rejects: list[ReasonRejectsJson]
    freshness: FreshnessJson


class PlaceJson(msgspec.Struct, frozen=True, omit_defaults=True):
    """A place on the street; an occupied one is another startup's."""

    metre: float
    side: str
    zone: str
    state: PlaceState
    place: str = ""
    placement: str = ""
    trial: str = ""
    product: str = ""
    platform: str = ""
    arm: str = ""
    events: int | None = None
    last: str | None = None
    zone_zh: str = ""


class AvenueAnswer(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """The street now; events are those of the interval."""

    id: str
    name: BilingualJson
    length_m: int
    from_: str
    to: str
    places: list[PlaceJson]
    freshness: FreshnessJson


class DefinitionJson(msgspec.Struct, frozen=True):
    """A metric's definition."""

    id: MetricId
    name: BilingualJson
    formula: BilingualJson
    exclusions: BilingualJson
    unit: str
    better: str


class DefinitionsAnswer(msgspec.Struct, frozen=True):
    """Every metric's definition."""

    metrics: list[DefinitionJson]


class LiveJson(msgspec.Struct, frozen=True):
    """What came in the last minutes."""

    trial: str
    events: int
    subjects: int | None
    kinds: dict[str, int]
    minutes: list[tuple[str, int]]
    last: str | None
    freshness: FreshnessJson


class ChannelJson(msgspec.Struct, frozen=True):
    """A channel of the registry, without its address."""

    id: str
    startup: str | None
    trial: str | None
    tells: list[str]
    language: str
    failing_since: str | None
    """Since when its messages do not arrive; absent where they do, or this process has sent none."""
    why: str
    """What went wrong last, for operators; else empty."""


class ChannelsAnswer(msgspec.Struct, frozen=True):
    """The channels that this key may try."""

    channels: list[ChannelJson]


class ChannelTestAnswer(msgspec.Struct, frozen=True):
    """What came of a test."""

    outcome: str
    """`told`, `failed` (surely not delivered) or `unknown` (sent, and no answer came)."""
    why: str


class FrozenFileJson(msgspec.Struct, frozen=True):
    """A form of a frozen report, as it was signed; the JSON is one for both languages."""

    lang: str
    format: str
    path: str


class FrozenReportJson(msgspec.Struct, frozen=True):
    """A frozen report: the moment that it stands on, who signed it, and the extract of events that it names.

    *verify* is the command that checks the downloaded files on any machine.
    """

    id: str
    as_of: str
    frozen_at: str
    key_id: str
    extract_sha256: str
    events: int
    files: list[FrozenFileJson]
    extract: str
    verify: str


class FrozenReportsAnswer(msgspec.Struct, frozen=True):
    """A trial's frozen reports, the latest first."""

    reports: list[FrozenReportJson]
