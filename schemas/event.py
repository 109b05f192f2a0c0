"""The pilot-usage event, version 1, as a partner sends it: the source of truth of every other form."""

import re
from datetime import datetime
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

Kind = Literal[
    "exposure",
    "interaction",
    "use.started",
    "use.completed",
    "order.paid",
    "order.refunded",
    "trade_in.quoted",
    "trade_in.completed",
    "rating.given",
    "content.published",
    "consent.granted",
    "consent.withdrawn",
    "device.online",
    "device.offline",
    "device.reported",
]
KINDS: tuple[str, ...] = get_args(Kind)
CONSENT_KINDS = frozenset({"consent.granted", "consent.withdrawn"})
USE_OUTCOMES: tuple[str, ...] = ("ok", "failed", "abandoned")
Platform = Literal["douyin", "bilibili", "meituan", "aihuishou", "sunmi"]
PLATFORMS: tuple[str, ...] = get_args(Platform)

EVENT_ID_PATTERN = r"^[A-Za-z0-9._:\-]{1,64}\Z"
TIME_PATTERN = (
    r"^([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}):([0-5][0-9])(?:\.([0-9]{1,9}))?([Zz]|[+-][0-9]{2}:[0-9]{2})\Z"
)
MAX_DURATION_MS = 86_400_000
MAX_AMOUNT_FEN = 10**12
MAX_SUBJECT_CHARS = 128
MAX_ATTRIBUTES = 32
MAX_ATTRIBUTE_KEY_CHARS = 64
MAX_ATTRIBUTE_TEXT_CHARS = 256
MAX_ATTRIBUTES_BYTES = 4096
MAX_EVENT_BYTES = 16_384
MAX_ID_CHARS = 64
SANDBOX_PREFIX = "sandbox."
"""Begins the product, trial and placement of an event that is none of a trial's: no id of the registry has a dot."""
# The largest number that every JSON reader keeps exactly.
MAX_ATTRIBUTE_NUMBER = 2**53 - 1

_TIME = re.compile(TIME_PATTERN)
_SECONDS = {f":{second:02d}.": second * 1000 for second in range(60)}
_FRACTIONS = {f"{thousandth:03d}": thousandth for thousandth in range(1000)}
# With "Z", and with an offset of hours and minutes.
_USUAL_LENGTHS = frozenset({24, 29})
_UNIX_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def parse_time_ms(text: str) -> int:
    """Return *text*, an RFC 3339 time with an offset, as Unix milliseconds (rounded down).

    Raises `ValueError` where *text* is of another form or names no real time.
    """
    if len(text) in _USUAL_LENGTHS:
        # Three digits of fraction, most likely: minute and zone, second and fraction are looked up, and where all
        # three are found it is a time of that form.
        try:
            return _ZONES[text[23:]][text[:16]] + _SECONDS[text[16:20]] + _FRACTIONS[text[20:23]]
        except (KeyError, ValueError):
            return _parse_exactly(text)
    return _parse_exactly(text)


def _parse_exactly(text: str) -> int:
    match = _TIME.match(text)
    if match is None:
        raise ValueError("must be an RFC 3339 time with an offset, like 2026-11-22T10:15:30.123+08:00")
    minute, seconds, fraction, zone = match.groups()
    return _ZONES[zone][minute] + int(seconds) * 1000 + (int(fraction[:3].ljust(3, "0")) if fraction else 0)


class _MinuteCache(dict[str, int]):
    """The minutes of one zone, remembered as Unix milliseconds. Asking for one raises `ValueError` where it is none."""

    def __init__(self, zone: str) -> None:
        super().__init__()
        self._zone = zone

    def __missing__(self, minute: str) -> int:
        whole = f"{minute}:00{self._zone}"
        if _TIME.match(whole) is None:
            raise ValueError("must be an RFC 3339 time with an offset, like 2026-11-22T10:15:30.123+08:00")
        delta = datetime.fromisoformat(whole.upper()) - _UNIX_EPOCH
        if len(self) >= _MAX_MINUTES:
            self.clear()
        found = self[minute] = (delta.days * 86_400 + delta.seconds) * 1000
        return found


class _ZoneCache(dict[str, _MinuteCache]):
    def __missing__(self, zone: str) -> _MinuteCache:
        if len(self) >= _MAX_ZONES:
            self.clear()
        found = self[zone] = _MinuteCache(zone)
        return found


# Events come from few minutes and zones; the bounds keep a hostile sender from filling memory. A library's cache costs
# 0.14 µs more a look-up, and each event has two of them in 7 µs.
_MAX_ZONES = 16
_MAX_MINUTES = 1024
_ZONES = _ZoneCache()


def _check_time(text: str) -> str:
    parse_time_ms(text)
    return text


EventId = Annotated[str, StringConstraints(pattern=EVENT_ID_PATTERN)]
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID_CHARS)]
Opaque = Annotated[str, StringConstraints(max_length=MAX_SUBJECT_CHARS)]
AttributeKey = Annotated[str, StringConstraints(max_length=MAX_ATTRIBUTE_KEY_CHARS)]
AttributeText = Annotated[str, StringConstraints(max_length=MAX_ATTRIBUTE_TEXT_CHARS)]
AttributeInt = Annotated[int, Field(ge=-MAX_ATTRIBUTE_NUMBER, le=MAX_ATTRIBUTE_NUMBER)]
AttributeFloat = Annotated[float, Field(ge=-MAX_ATTRIBUTE_NUMBER, le=MAX_ATTRIBUTE_NUMBER, allow_inf_nan=False)]


class PilotEvent(BaseModel):
    """One use, order, rating or device report, as pushed to `POST /v1/events`.

    Strict: no field is coerced, and an unknown one is refused, since a misspelt field is lost data.
    `null` in an optional field is the same as its absence.
    """

    # Python's own expressions, so that the msgspec Struct applies the very same ones.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, regex_engine="python-re")

    event_id: EventId
    kind: Kind
    occurred_at: Annotated[str, AfterValidator(_check_time)]
    product_id: Identifier | None = None
    placement_id: Identifier | None = None
    trial_id: Identifier | None = None
    arm: Identifier | None = None
    subject: Opaque | None = None
    session_id: Opaque | None = None
    outcome: Literal["ok", "failed", "abandoned"] | None = None
    duration_ms: Annotated[int, Field(ge=0, le=MAX_DURATION_MS)] | None = None
    amount_fen: Annotated[int, Field(ge=0, le=MAX_AMOUNT_FEN)] | None = None
    rating: Annotated[int, Field(ge=1, le=5)] | None = None
    attributes: (
        Annotated[
            dict[AttributeKey, AttributeText | bool | AttributeInt | AttributeFloat],
            Field(max_length=MAX_ATTRIBUTES),
        ]
        | None
    ) = None

    @model_validator(mode="after")
    def _has_what_its_kind_requires(self) -> Self:
        if (name := missing_field(self)) is not None:
            raise PydanticCustomError("missing_for_kind", "{field} is required", {"field": name})
        return self


def missing_field(event: "PilotEvent | object") -> str | None:
    """Return the field that *event*'s kind requires and it lacks, or None; any object with its attributes will do."""
    kind = getattr(event, "kind", "")
    if getattr(event, "placement_id", None) is None and getattr(event, "product_id", None) is None:
        return "placement_id"
    required = REQUIRED_BY_KIND.get(kind)
    if required is not None and getattr(event, required, None) is None:
        return required
    return None


REQUIRED_BY_KIND: dict[str, str] = {
    "use.completed": "outcome",
    "order.paid": "amount_fen",
    "order.refunded": "amount_fen",
    "rating.given": "rating",
}
