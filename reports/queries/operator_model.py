"""What an operator is told of the road at one moment: sums, hops, accounts, products. Times are the street's."""

from datetime import datetime
from typing import Literal

import msgspec

from schemas.registry import AccountMode

RoadHopName = Literal["gateway", "kafka", "worker", "clickhouse", "reports"]
HopCondition = Literal["flows", "idle", "behind", "stands_still", "away", "unknown"]
"""`stands_still` and `away` are broken, `behind` is to be looked at; `unknown`: it could not be asked."""
HopCause = Literal[
    "",
    "no_answer",
    "not_asked",
    "nobody_reads",
    "nothing_moves",
    "catching_up",
    "turned_away",
    "partitions",
    "old_numbers",
    "nothing_came",
]
SumName = Literal["received", "published", "counted", "stored", "kept"]
BROKEN: frozenset[HopCondition] = frozenset({"stands_still", "away"})


class NextStep(msgspec.Struct, frozen=True):
    """What to do: a command that looks closer, and the runbook."""

    command: str
    runbook: str
    """Name of a page of `docs/runbooks`."""


class OpenSum(msgspec.Struct, frozen=True):
    """One sum that does not close, of one account ('': all) and source ('': all)."""

    sum: SumName
    account: str
    source: str
    left: int
    right: int
    gap: int


class SumTotal(msgspec.Struct, frozen=True):
    """One conservation sum over all accounts and sources; `in_flight`: lines that one side may not have yet."""

    sum: SumName
    left: int
    right: int
    in_flight: int
    closed: bool


class SumsReading(msgspec.Struct, frozen=True, kw_only=True):
    """The conservation sums and the standing differences as they were last taken."""

    at: datetime | None = None
    """None: they were not taken, and `why`."""
    why: str = ""
    closed: bool | None = None
    differences: int | None = None
    """Cells that a settlement of the last day found otherwise and could not explain."""
    sums: list[SumTotal] = []
    open: list[OpenSum] = []
    """The largest gaps."""
    next_step: NextStep | None = None


class HopReading(msgspec.Struct, frozen=True, kw_only=True):
    """One hop; what could not be asked is None."""

    hop: RoadHopName
    condition: HopCondition
    cause: HopCause = ""
    detail: str = ""
    """What a source said that could not be asked."""
    rate_per_min: float | None = None
    rate_of: Literal["events", "records"] = "records"
    lag_records: int | None = None
    lag_s: float | None = None
    oldest_at: datetime | None = None
    """When the oldest that waits was published; of the reports, up to when the numbers are complete."""
    readers: int | None = None
    """Members of the consumer group."""
    errors: int | None = None
    next_step: NextStep | None = None


class AccountState(msgspec.Struct, frozen=True, kw_only=True):
    """An account's last hour; its test events and replays are left out."""

    account: str
    platform: str
    mode: AccountMode | None
    """None: it is not in the registry."""
    sandbox: bool
    received: int
    accepted: int
    duplicate: int
    rejected: int
    limited_requests: int
    """Told to come later (429)."""
    failed_requests: int
    """Turned away by us (5xx)."""
    last_at: datetime | None
    """Of its latest event within a week."""
    silent: bool
    """No request for an hour, and more than ten in the same hour of yesterday: as the alert AccountSilent has it."""


class ProductState(msgspec.Struct, frozen=True):
    """A product's events: of the last five minutes per minute, and when one last came within a week."""

    product: str
    events_per_min: float
    last_at: datetime | None


class OperatorRoad(msgspec.Struct, frozen=True, kw_only=True):
    """The road at one moment, looked up once for all who look."""

    at: datetime
    ok: bool
    """No sum is open, no cell differs and no hop is broken."""
    first_broken: RoadHopName | None
    complete_until: datetime | None
    """What the store says of accounts and products is complete up to then."""
    store_why: str
    """Why the store could not be asked; '' where it could."""
    sums: SumsReading
    hops: list[HopReading]
    accounts: list[AccountState]
    products: list[ProductState]
