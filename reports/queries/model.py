"""What every query takes and gives: closed sets, questions and answers. No SQL here.

Times are Unix milliseconds UTC; an interval is half-open; days are those of Asia/Shanghai.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NamedTuple, TypeAlias, get_args

from reports.metrics import MONEY
from runtime.errors import PipelineError
from schemas.registry import MetricId

Step = Literal["minute", "hour", "day"]
Dimension = Literal["platform", "placement", "arm", "kind"]
STEPS: tuple[Step, ...] = get_args(Step)
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)

Number: TypeAlias = int | float
By: TypeAlias = Mapping[str, str]
"""What a line or a total is about, such as {"arm": "pilot"}; empty where nothing was split."""


@dataclass(frozen=True, slots=True)
class Interval:
    """From *from_ms* until before *to_ms*."""

    from_ms: int
    to_ms: int

    @property
    def empty(self) -> bool:
        """Whether nothing lies in it."""
        return self.to_ms <= self.from_ms


class Point(NamedTuple):
    """One bucket: its start, the metric's value (None: nothing to compute it from), how much it stands on."""

    start_ms: int
    value: Number | None
    n: int


@dataclass(frozen=True, slots=True)
class SeriesLine:
    """The points of one value of the split, by time; buckets without events are absent unless `dense`."""

    by: By
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class MetricLines:
    """One metric over time."""

    metric: MetricId
    unit: str
    step: Step
    lines: tuple[SeriesLine, ...]


@dataclass(frozen=True, slots=True)
class SeriesQuestion:
    """Which metrics of a trial, when, how fine, split by what."""

    trial_id: str
    metrics: tuple[MetricId, ...]
    interval: Interval
    step: Step = "hour"
    by: Dimension | None = None
    dense: bool = False
    """True: a point for every bucket up to now; None where nothing came at all, 0 for counts where other events did."""


@dataclass(frozen=True, slots=True)
class TotalsQuestion:
    """Which metrics of a trial over one whole interval, split by any of the dimensions.

    `exact`: from stored events, people and quantiles exactly, as reports need it; else from cells.
    """

    trial_id: str
    metrics: tuple[MetricId, ...]
    interval: Interval
    by: tuple[Dimension, ...] = ()
    exact: bool = False


@dataclass(frozen=True, slots=True)
class MetricTotal:
    """One metric over the whole interval for one value of the split."""

    metric: MetricId
    by: By
    value: Number | None
    n: int

    @property
    def unnamed(self) -> bool:
        """Whether it is a number of people or sessions of which no event names one: unknown, and not none."""
        return self.metric in {"subjects", "sessions"} and self.n > 0 and not self.value

    @property
    def untold(self) -> bool:
        """Whether its 0 only means that nobody tells: people whom no event names, money without order and refund."""
        return self.unnamed or (self.metric == MONEY and not self.n)


@dataclass(frozen=True, slots=True)
class FlaggedBlock:
    """A five-minute block whose numbers may still change, or whose layers disagreed unexplained."""

    start_ms: int
    reason: Literal["unexplained", "waiting"]


@dataclass(frozen=True, slots=True)
class Freshness:
    """How far to trust an answer: complete up to when, what was refused, what may change."""

    as_of_ms: int | None
    """None: nothing has come yet."""
    lag_s: float | None
    rejected: int
    flagged_windows: int
    flagged: tuple[FlaggedBlock, ...] = ()
    """The first ones, oldest first; `flagged_windows` counts all."""


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """One step: its events, the people who came so far in order, and their share of the step before."""

    kind: str
    events: int
    subjects: int
    share: float | None


@dataclass(frozen=True, slots=True)
class Funnel:
    """Exposure, start, completion, order: counted over stored events, by person within a trial."""

    by: By
    steps: tuple[FunnelStep, ...]


@dataclass(frozen=True, slots=True)
class KindCount:
    """How many events of a kind, and the latest."""

    kind: str
    events: int
    last_ms: int


@dataclass(frozen=True, slots=True)
class LiveCounts:
    """What happened in the last minutes: live, so late events are not in it yet."""

    interval: Interval
    events: int
    subjects: int | None
    """Estimated; None where events came and none of them names anyone."""
    kinds: tuple[KindCount, ...]
    minutes: tuple[Point, ...]
    """Events a minute, dense."""
    last_ms: int | None
    """The latest event of the trial at all, or None before the first."""


@dataclass(frozen=True, slots=True)
class Presence:
    """What one placement was to report, and did."""

    placement_id: str
    due_ms: int
    up_ms: int | None
    """None: it never said that it is online or offline, so nobody knows."""
    due_hours: int
    covered_hours: int


@dataclass(frozen=True, slots=True)
class CoverageHour:
    """One hour of the coverage ledger."""

    placement_id: str
    hour_ms: int
    events: int


PlaceState = Literal["reporting", "silent", "closed", "waiting", "occupied"]


@dataclass(frozen=True, slots=True)
class MapPlace:
    """One placement along the street; another startup's is `occupied` and nothing else is told."""

    metre: float
    side: str
    zone: str
    state: PlaceState
    place_id: str = ""
    placement_id: str = ""
    trial_id: str = ""
    product_id: str = ""
    platform: str = ""
    arm: str = ""
    events: int = 0
    last_ms: int | None = None
    zone_zh: str = ""


@dataclass(frozen=True, slots=True)
class AvenueMap:
    """The street now: its length and what stands along it, by metre."""

    length_m: int
    places: tuple[MapPlace, ...]
    interval: Interval
    """Events are counted over it."""


class TooManyPointsError(PipelineError):
    """An answer would hold more points than allowed; ask for a shorter interval or a coarser step."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} points; shorten from…to, or take a coarser step")
        self.limit = limit


class NotCompleteError(PipelineError):
    """A report was asked for as of a moment, Unix ms, up to which data are not complete."""

    def __init__(self, asked_ms: int, known_ms: int | None) -> None:
        known = "nothing is yet" if known_ms is None else f"they are until {_utc(known_ms)}"
        super().__init__(f"data are not complete until {_utc(asked_ms)}: {known}; take an earlier moment")


def _utc(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
