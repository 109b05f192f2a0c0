"""What a simulation is asked to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runtime.clock import Clock, SystemClock
from runtime.errors import ConfigurationError
from schemas.registry import Registry


@dataclass(frozen=True, slots=True)
class TrafficShares:
    """Which share of the events is not plain traffic; each 0…1."""

    duplicates: float = 0.02
    """Sent again unchanged, after the first was answered: redelivered pushes, repeated ids."""
    late: float = 0.05
    """Minutes to two days old."""
    rejects: float = 0.01
    """Garbage under a right signature: every reason the server knows."""
    unknown_placement: float = 0.005
    wrong_signature: float = 0.002

    def __post_init__(self) -> None:
        shares = (self.duplicates, self.late, self.rejects, self.unknown_placement, self.wrong_signature)
        if any(not 0 <= share <= 1 for share in shares) or sum(shares) - self.late > 0.9:
            raise ConfigurationError("shares are 0 to 1, and at least a tenth of the events must be sound")


@dataclass(frozen=True, slots=True)
class SimulateOptions:
    """A simulation: where to, whose, how much, how fast, and what of it is wrong on purpose."""

    url: str
    registry: Path | Registry
    """A file, or the registry itself."""
    events: int = 1_000
    """How many are sent in all, duplicates and garbage among them: as many lines the ledger has."""
    rate: float | None = None
    """Events per second; None: as fast as the answers come."""
    seed: int | None = None
    """The same seed gives the same messages but for their times; None: a new one, told in the summary."""
    ledger: Path | None = None
    only: tuple[str, ...] = ()
    """`platform`, `platform/flow`, with `*` and `?`; batch pushes are the flow `events`."""
    batch: int = 100
    """Events of one batch push."""
    days: float = 0.0
    """Spread over so many past days in a daily rhythm; 0: as it happens."""
    native_share: float = 0.2
    """Events that come natively where there are batch pushes too; a native push costs a request of its own."""
    shares: TrafficShares = TrafficShares()
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Access keys of accounts, for batch pushes."""
    private_keys: Mapping[str, Path] = field(default_factory=dict)
    """RSA private keys (PEM) by `account/flow`, where the account's secret is a public key."""
    concurrency: int = 8
    """Requests at once."""
    give_up_s: float = 60.0
    """A request that is still not answered after this long, retries included, is unanswered."""
    clock: Clock = field(default_factory=SystemClock, repr=False)

    def __post_init__(self) -> None:
        if self.events < 1 or self.batch < 1 or self.concurrency < 1:
            raise ConfigurationError("events, batch and concurrency are at least 1")
        if self.batch > 10_000:
            raise ConfigurationError("a batch push holds at most 10,000 events")
        if self.rate is not None and self.rate <= 0:
            raise ConfigurationError("the rate is events per second, above 0")
        if not 0 <= self.native_share <= 1 or not 0 <= self.days <= 400:
            raise ConfigurationError("native_share is 0 to 1, days is 0 to 400")
