"""What a message is made from, and what a made one is: a request with what must become of each event in it."""

import hashlib
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

from schemas.outcomes import RejectReason
from schemas.registry import Account

ExpectedOutcome = Literal["accepted", "duplicate", "rejected", "refused"]
CHINA = timezone(timedelta(hours=8))
MAX_EVENT_ID = 64
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class ExpectedEvent:
    """One event of a request, and what must become of it. `event_id` is '' where only the server can know it."""

    event_id: str
    kind: str
    occurred_ms: int | None
    """None: the message holds no time, so the receipt's counts."""
    expected: ExpectedOutcome = "accepted"
    reason: RejectReason | None = None
    fault: str = ""
    """What is wrong with it on purpose: `repeat`, `late`, the name of a flaw; '' for nothing."""
    event: bytes = b""
    """The event itself as it was sent, where it was pushed in our own format; else nothing."""


@dataclass(frozen=True, slots=True)
class PushRequest:
    """One HTTP request, its body final. `sign` gives the headers that hold the attempt's own time."""

    platform: str
    account: str
    flow: str
    """As in the path; `events` for a batch push."""
    path: str
    body: bytes
    headers: Mapping[str, str]
    positive: Callable[[int, bytes], bool]
    method: str = "POST"
    query: str = ""
    sign: Callable[[int], Mapping[str, str]] | None = None


@dataclass(frozen=True, slots=True)
class PushMessage:
    """A request and the events in it."""

    request: PushRequest
    events: tuple[ExpectedEvent, ...]


@dataclass(frozen=True, slots=True)
class FlowSigner:
    """An account's flow, and the secret its platform signs with: where *rsa*, a private key in PEM."""

    account: Account
    flow: str
    secret: bytes
    rsa: bool = False

    @property
    def text(self) -> str:
        """The secret as text."""
        return self.secret.decode()


@dataclass(frozen=True, slots=True)
class MessageContext:
    """What a message tells: when, where, who, how much. Drawn from the seed, but for the present time."""

    rng: random.Random = field(repr=False)
    run: str
    """Short token of the seed, part of every id."""
    serial: int
    """Unique within a run."""
    now_ms: int
    """When the platform signs."""
    occurred_ms: int
    keys: Mapping[str, str]
    """The placement's match keys."""
    subject: str
    fen: int
    count: int = 1
    """At most so many events, for messages that hold several."""

    @property
    def token(self) -> str:
        """A word that no other message of any run with another seed has."""
        return f"{self.run}{self.serial:07d}"

    def number(self, digits: int) -> str:
        """Return a number of *digits* digits that is this message's own: the run's digest, then the serial."""
        head = int(hashlib.sha256(self.run.encode()).hexdigest(), 16) % 10 ** (digits - 8) + 10 ** (digits - 8)
        return f"{str(head)[-(digits - 8) :]}{self.serial % 10**8:08d}"


BuildMessage = Callable[[FlowSigner, MessageContext], PushMessage]
"""Makes one message of a type."""


def compact(value: Any) -> bytes:
    """Return *value* as JSON without blanks, Chinese as it is, as the platforms write it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def local_text(at_ms: int) -> str:
    """Return *at_ms* as `yyyy-MM-dd HH:mm:ss` in UTC+8, without a zone."""
    return datetime.fromtimestamp(at_ms // 1000, CHINA).strftime("%Y-%m-%d %H:%M:%S")


def whole_seconds(at_ms: int) -> int:
    """Return *at_ms* as a message that holds seconds will tell it, in milliseconds."""
    return at_ms - at_ms % 1000


def yuan(fen: int) -> str:
    """Return *fen* in yuan as Meituan and Sunmi write money: `20.5`, `20`."""
    return f"{fen // 100}.{fen % 100:02d}".rstrip("0").rstrip(".")


def body_id(prefix: str, body: bytes) -> str:
    """Return the id of a message that has none of its own: *prefix* + 32 hex digits of the body's SHA-256."""
    return prefix + hashlib.sha256(body).hexdigest()[:32]


def fitting_id(prefix: str, rest: str) -> str:
    """Return `prefix + rest`; where that is too long or has other characters, prefix + 32 hex digits of its SHA-256."""
    whole = prefix + rest
    plain = all(c.isascii() and (c.isalnum() or c in "._:-") for c in whole)
    if plain and len(whole) <= MAX_EVENT_ID:
        return whole
    return prefix + hashlib.sha256(whole.encode()).hexdigest()[:32]


def any_2xx(status: int, body: bytes) -> bool:
    """Tell whether the answer is positive to a platform that looks at the status only."""
    del body
    return 200 <= status < 300


def json_field(status: int, body: bytes, *path: str) -> object:
    """Return the field at *path* of a 200 JSON answer, None where there is none."""
    if status != 200:
        return None
    try:
        value: object = json.loads(body)
    except ValueError:
        return None
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
