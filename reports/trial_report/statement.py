"""What a frozen report says of itself: the data it stands on, its seal, and what has changed since an earlier one."""

from dataclasses import dataclass

import msgspec

from reports.verification.seal import ALGORITHM
from reports.verification.snapshot import TrialSnapshot


class LogRangeJson(msgspec.Struct, frozen=True):
    """Where on the log the counted events lie: of one partition, the first and the last offset, and how many."""

    topic: str
    epoch: int
    partition: int
    first_offset: int
    last_offset: int
    events: int


class SettlementJson(msgspec.Struct, frozen=True):
    """The runs of settlement that the windows of the period had: how many windows, and the latest run of any."""

    windows: int
    latest_run: int


class ExtractJson(msgspec.Struct, frozen=True):
    """The file of events that the report stands on."""

    name: str
    sha256: str
    bytes: int
    events: int


class FrozenJson(msgspec.Struct, frozen=True):
    """The data that a frozen report stands on; `registry` is what the registry said of the trial."""

    log: list[LogRangeJson]
    settlement: SettlementJson
    extract: ExtractJson
    registry: TrialSnapshot


class SignatureJson(msgspec.Struct, frozen=True):
    """The seal: over the SHA-256 of this file with a dot for each of the last 88 characters of `seal`."""

    key_id: str
    seal: str
    algorithm: str = ALGORITHM


class ChangedFigureJson(msgspec.Struct, frozen=True):
    """A figure that is no longer what an earlier frozen report said of the same time."""

    figure: str
    then: str
    now: str


class SinceFrozenJson(msgspec.Struct, frozen=True):
    """What late data, refunds and corrections have changed since the report `report_id` was frozen.

    Both figures are of that report's time; `changed` holds the first ones, `changes` counts all.
    """

    report_id: str
    as_of: str
    changes: int
    changed: list[ChangedFigureJson]
    other_method: bool = False
    """Whether that report was computed with another method, which figures may differ by, too."""


@dataclass(frozen=True, slots=True)
class SignedModel:
    """The signed JSON of a frozen report, for its other forms to carry."""

    content: bytes
    sha256: str
    """Of the unsigned document."""
    key_id: str
    signature: str
