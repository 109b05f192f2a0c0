"""The registry: avenue, startups, products, trials, accounts, placements, keys, epochs. What the file may say."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, field_validator

from schemas.event import MAX_ATTRIBUTES, AttributeKey, Kind, Platform
from schemas.timing import DAY_MS, SHANGHAI_MS

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$")]
SecretReference = Annotated[str, StringConstraints(pattern=r"^(env|file|plain):[\s\S]+$")]
MetricId = Literal[
    "events",
    "subjects",
    "sessions",
    "exposures",
    "interactions",
    "starts",
    "completions",
    "success_rate",
    "failure_rate",
    "abandon_rate",
    "duration_mean",
    "duration_p50",
    "duration_p95",
    "orders",
    "revenue_fen",
    "refund_rate",
    "trade_ins",
    "rating_mean",
    "uptime",
    "coverage",
]

# Per platform: the flows an account may have secrets for, and the keys its placements are matched on.
FLOWS: dict[str, tuple[str, ...]] = {
    "douyin": ("webhook", "life-spi", "live", "trade", "push"),
    "bilibili": ("webhook", "live", "push"),
    "meituan": ("waimai", "service", "push"),
    "aihuishou": ("webhook", "push"),
    "sunmi": ("callback", "receipt", "push"),
}
MATCH_KEYS: dict[str, tuple[str, ...]] = {
    "douyin": ("account_id", "room_id", "client_key"),
    "bilibili": ("client_id", "room_id"),
    "meituan": ("app_poi_code", "ePoiId", "opBizCode"),
    "aihuishou": ("store_id",),
    "sunmi": ("sn", "shop_id"),
}


NotificationKind = Literal[
    "digest", "trial_silent", "placement_silent", "guardrail_harmed", "verdict_reached", "report_frozen"
]
"""What a channel may tell: the weekly digest, and each sort of alert."""

MAX_PLAN_CHANGES = 500
"""Of one trial: they travel as one message, and nobody reads a history of more."""


AccountMode = Literal["accept", "refuse", "slow"]
"""What is done with an account's pushes: taken; told to come later; taken behind all others' and at a low share."""

MAX_RATE_PER_S = 1_000_000
"""Events a second that an account may be given: beyond what one gateway takes in."""

MAX_MORE_PRIMARY_METRICS = 4
"""Each takes its share of the risk from the others: with five in all intervals are up to a third wider, and
with more nobody could say any longer what the trial was for."""

MAX_CARRY_OVER_DAYS = 30
"""What lasts longer after a change of arm is no carry-over but another trial."""


def days_of(value: Any) -> Any:
    """Return `"30d"` as 30, and anything else as it is: what it may be is for the field to say."""
    if isinstance(value, str) and value.endswith("d") and value[:-1].isdigit():
        return int(value[:-1])
    return value


class RegistryEntry(BaseModel):
    """Anything in the registry: frozen, nothing unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class BilingualText(RegistryEntry):
    """A text in both languages."""

    zh: str
    en: str


class OpeningHours(RegistryEntry):
    """Daily hours as local `HH:MM`; `until` may be `24:00`. Default: always open."""

    opens: Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "00:00"
    closes: Annotated[str, StringConstraints(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")] = "24:00"


class Avenue(RegistryEntry):
    """The street."""

    id: Id
    name: BilingualText
    length_m: Annotated[int, Field(gt=0)] = 200
    timezone: Literal["Asia/Shanghai"] = "Asia/Shanghai"
    hours: OpeningHours = OpeningHours()


class Startup(RegistryEntry):
    """A company that pilots products."""

    id: Id
    name: BilingualText


class Product(RegistryEntry):
    """A product of one startup."""

    id: Id
    startup: Id
    name: BilingualText


class Rota(RegistryEntry):
    """What the arms of a trial's places are drawn from: which place is in which arm on which days."""

    seed: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    block: Literal["day", "week"] = "day"
    """How long a place stays in an arm."""
    places: Annotated[list[Id], Field(min_length=1)] | None = None
    """None: all of the trial's places."""


class Trial(RegistryEntry):
    """One product's trial: from *starts* until before *ends*."""

    id: Id
    product: Id
    starts: AwareDatetime
    ends: AwareDatetime
    arms: Annotated[list[Id], Field(min_length=1)]
    unit: Literal["placement-day"] = "placement-day"
    hypothesis: BilingualText
    primary_metric: MetricId
    more_primary_metrics: Annotated[list[MetricId], Field(max_length=MAX_MORE_PRIMARY_METRICS)] = []
    """Others that decide, too: all of them are judged together, and share the risk."""
    guardrails: list[MetricId] = []
    planned_units: Annotated[int, Field(gt=0)] | None = None
    smallest_effect: Annotated[float, Field(gt=0)] | None = None
    baseline_from: AwareDatetime | None = None
    rota: Rota | None = None
    carry_over_days: Annotated[int, Field(gt=0, le=MAX_CARRY_OVER_DAYS)] | None = Field(None, alias="carry_over")
    """Days that a place is left out of the readout after a change of its arm."""

    @property
    def primary_metrics(self) -> tuple[MetricId, ...]:
        """The metrics that decide, the first of which `smallest_effect` is about."""
        return (self.primary_metric, *self.more_primary_metrics)

    @field_validator("carry_over_days", mode="before")
    @classmethod
    def _days(cls, value: Any) -> Any:
        """Take `1` or `"1d"`."""
        return days_of(value)


class Account(RegistryEntry):
    """A partner's account: who may send, and how it signs."""

    id: Id
    platform: Platform
    public_url: str | None = None
    secrets: dict[str, Annotated[list[SecretReference], Field(min_length=1, max_length=2)]] = {}
    products: list[Id] | None = None
    message_types: dict[str, Kind] = {}
    id_attributes: Annotated[list[AttributeKey], Field(max_length=MAX_ATTRIBUTES)] = []
    """Attributes of its batch pushes that hold ids of its own: they may look like card numbers."""
    max_age_s: Annotated[int, Field(gt=0)] = 86_400
    max_event_age_days: Annotated[int, Field(gt=0, le=400)] | None = Field(None, alias="max_event_age")
    rate_per_s: Annotated[int, Field(gt=0, le=MAX_RATE_PER_S)] | None = None
    """Events a second, at each gateway; None: no bound but that of its requests."""
    mode: AccountMode = "accept"
    sandbox: bool = False
    """Whether its events are kept apart from all trials (`SANDBOX_PREFIX`), and its placements are none of theirs."""

    @field_validator("max_event_age_days", mode="before")
    @classmethod
    def _days(cls, value: Any) -> Any:
        """Take `30` or `"30d"`."""
        return days_of(value)


class Placement(RegistryEntry):
    """Where one product stands on the avenue for a time, and by what the platform names it."""

    id: Id
    trial: Id
    arm: Id
    arm_days: dict[Id, Annotated[list[date], Field(min_length=1)]] = {}
    """The street's days on which it is in another arm, by that arm."""
    account: Id | None = None
    match: dict[str, Annotated[str, StringConstraints(min_length=1, max_length=128)]] = {}
    place: Id | None = None
    metre: Annotated[float, Field(ge=0)]
    side: Literal["north", "south"]
    zone: str = ""
    zone_zh: str = ""
    """The same in Chinese; '': as in `zone`."""
    from_: AwareDatetime = Field(alias="from")
    until: AwareDatetime
    heartbeat_s: Annotated[int, Field(gt=0)] | None = None
    hours: OpeningHours | None = None

    @property
    def zone_name(self) -> BilingualText:
        """What its surroundings are called in both languages; empty where nobody says."""
        return BilingualText(zh=self.zone_zh or self.zone, en=self.zone)

    @property
    def place_id(self) -> str:
        """The spot it stands at: two placements at one spot are one place."""
        return self.place or self.id


class NotificationChannel(RegistryEntry):
    """Where a startup, or those who follow one trial, are told without looking; exactly one of the two is named."""

    id: Id
    startup: Id | None = None
    trial: Id | None = None
    address: SecretReference
    """Of an `apprise` address, which holds a token or a password."""
    tells: Annotated[list[NotificationKind], Field(min_length=1)] = list(get_args(NotificationKind))
    language: Literal["zh", "en"] = "zh"


class TimelineNote(RegistryEntry):
    """What happened at a time and may explain a number: a firmware, rain, an opening; of one trial, or of all."""

    id: Id
    at: AwareDatetime
    text: BilingualText
    trial: Id | None = None


class Registry(RegistryEntry):
    """The whole file; applied as a whole."""

    demo: bool = False
    avenue: Avenue
    startups: list[Startup] = []
    products: list[Product] = []
    trials: list[Trial] = []
    accounts: list[Account] = []
    placements: list[Placement] = []
    channels: list[NotificationChannel] = []
    notes: list[TimelineNote] = []


class PlanChange(RegistryEntry):
    """One field of a trial's plan that was changed after the trial began, as JSON values; None where it had none."""

    at: AwareDatetime
    field: str
    old: Any
    new: Any


class TrialPlan(RegistryEntry):
    """A trial's plan as it was last applied, and what was changed in it after it began, oldest first."""

    trial: Id
    plan: dict[str, Any]
    """By field, as JSON values: `registry.plan_history.PLAN_FIELDS`."""
    began: AwareDatetime
    """Its start, as it was planned before the start came."""
    since: AwareDatetime
    """When this plan was applied, or the last one before the start: what lies between the two was never kept."""
    changes: Annotated[list[PlanChange], Field(max_length=MAX_PLAN_CHANGES)] = []


class AccessKey(RegistryEntry):
    """An access key as kept: its hash, never itself. `scope` is account:ID, startup:ID, operator or programme."""

    id: str
    scope: Annotated[str, StringConstraints(pattern=r"^(account:[a-z0-9-]+|startup:[a-z0-9-]+|operator|programme)$")]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    prefix: str
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None


class Epoch(RegistryEntry):
    """One life of `pilot-events.v1`: its topic id, its partitions and the tolerances it is counted by."""

    number: Annotated[int, Field(ge=1, le=4095)]
    topic_id: str
    partitions: Annotated[int, Field(gt=0, le=1024)]
    grace_ms: Annotated[int, Field(gt=0)]
    lead_ms: Annotated[int, Field(gt=0)]
    slack_ms: Annotated[int, Field(gt=0)]
    began_at: AwareDatetime


def epoch_ms(moment: datetime) -> int:
    """Return *moment* (aware) as Unix milliseconds."""
    return round(moment.timestamp() * 1000)


def day_ms(day: date) -> int:
    """Return the start of the street's *day* as Unix milliseconds."""
    return epoch_ms(datetime(day.year, day.month, day.day, tzinfo=UTC)) - SHANGHAI_MS


def date_of(at_ms: int) -> date:
    """Return the street's day that holds *at_ms* (Unix ms)."""
    return datetime.fromtimestamp((at_ms + SHANGHAI_MS) // DAY_MS * 86_400, UTC).date()
