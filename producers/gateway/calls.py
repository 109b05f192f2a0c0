"""What is kept of a partner's calls beside their counts: a bounded sample as it was sent, masked; and what was refused.

Nothing here waits for the broker, and nothing personal leaves it: values are masked before they are on the log.
"""

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl

import msgspec

from producers.adapters.base import MappedMessage, NativePush, PlatformMessage
from producers.gateway.http_request import HttpRequest
from producers.gateway.responses import HttpAnswer
from producers.parsing.body import Element
from producers.publisher import LineBatch, Publisher
from producers.validation.pii import find_pii
from producers.validation.redaction import redact_event, redact_match, redact_unreadable
from runtime.clock import Clock
from runtime.settings import GatewaySettings
from schemas.codec import encode
from schemas.lines import DeliveryLine
from schemas.registry import Account
from schemas.topics import Topic

SHOWN_EVENTS = 5
"""Of one call: enough to see what its events look like."""
SHOWN_NAMES = 32
"""Headers, and parameters of the address."""
HASHED = "(hashed)"
MAX_DETAIL_CHARS = 160
MAX_REFUSALS = 1000
"""Different ones between two flushes: accounts times few; beyond it the words are left out, then the count waits."""
FLUSH_S = 2.0
_MINUTE_S = 60.0
_CLEAR_HEADERS = frozenset({"content-type", "content-encoding"})
_CLEAR_VALUE = re.compile(r"[A-Za-z0-9/;=+ .-]{1,64}\Z")
_NAME = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}\Z")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`")
_decode = msgspec.json.Decoder(dict[str, object]).decode


class _SampleRate:
    """So many a minute and account, all of which may come at once."""

    def __init__(self, per_minute: int) -> None:
        self._gap_s = _MINUTE_S / per_minute
        self._due_s: dict[str, float] = {}

    def takes(self, account_id: str, now_s: float) -> bool:
        """Count one and say yes, or say no."""
        due_s = max(self._due_s.get(account_id, 0.0), now_s)
        if due_s - now_s > _MINUTE_S:
            return False
        self._due_s[account_id] = due_s + self._gap_s
        return True


class CallSampler:
    """Describes some of each account's calls: so many a minute and a burst of as many, however many come."""

    def __init__(self, limits: GatewaySettings) -> None:
        self._bytes = limits.call_sample_bytes
        self._rate = _SampleRate(limits.call_samples_per_minute)

    def batch(self, request: HttpRequest, account: Account, elements: list[Element]) -> str:
        """Return a batch push as it may be kept, JSON text; '' where it is not in the sample."""
        if not self._rate.takes(account.id, time.monotonic()):
            return ""
        is_id = frozenset(account.id_attributes).__contains__
        sent = [redact_unreadable(bytes(raw), lambda _: HASHED, is_id) for raw in elements[:SHOWN_EVENTS]]
        return self._text({**_head(request), "events": len(elements), "sent": sent})

    def native(self, push: NativePush, messages: tuple[PlatformMessage, ...], answer: bytes) -> str:
        """Return a native push likewise, with what its messages were understood as and what is *answered*."""
        if not self._rate.takes(push.account.id, time.monotonic()):
            return ""
        shown = messages[:SHOWN_EVENTS]
        sent = [_without_subject(message.payload) for message in shown]
        understood = [_understood(message) for message in shown if isinstance(message, MappedMessage)]
        said = {"events": len(messages), "sent": sent, "understood": understood}
        return self._text({**_head(push), **said, "answer": answer.decode("utf-8", "replace")})

    def _text(self, call: dict[str, object]) -> str:
        text = encode(call)
        if len(text) > self._bytes:
            text = encode({**call, "sent": [], "understood": [], "too_long": len(text)})
        return text.decode() if len(text) <= self._bytes else ""


def _head(request: HttpRequest | NativePush) -> dict[str, object]:
    query = parse_qsl(request.query.decode("latin-1"), keep_blank_values=True)
    return {
        "method": request.method,
        "query": _masked(query, frozenset()),
        "headers": _masked(request.headers.items(), _CLEAR_HEADERS),
        "bytes": len(request.body),
    }


def _masked(pairs: Iterable[tuple[str, str]], clear: frozenset[str]) -> dict[str, str]:
    """Return the names with the lengths of their values; a name that may tell something is left out."""
    named = [(name, value) for name, value in pairs if _NAME.match(name)][:SHOWN_NAMES]
    return {
        name: value if name in clear and _CLEAR_VALUE.match(value) and not find_pii(value) else f"({len(value)})"
        for name, value in named
    }


def _without_subject(payload: Mapping[str, object]) -> dict[str, object]:
    return {name: HASHED if name == "subject" else value for name, value in payload.items()}


def _understood(message: MappedMessage) -> dict[str, object]:
    return {
        "event": redact_event(message.fields, lambda _: HASHED, lambda _: True),
        "match": redact_match(message.match),
    }


@dataclass(slots=True)
class _Refused:
    requests: int = 0
    last_ms: int = 0


class RefusalLog:
    """Counts the requests of known accounts that were refused, and tells the log every few seconds.

    What is told is whose, where, the status, how often, and our own words of why; nothing of what was sent.
    """

    def __init__(self, publisher: Publisher, clock: Clock) -> None:
        self._publisher = publisher
        self._clock = clock
        self._counts: OrderedDict[tuple[str, str, str, int, str], _Refused] = OrderedDict()
        self._number = 0

    def note(self, account: Account | None, flow: str, answer: HttpAnswer) -> HttpAnswer:
        """Count *answer* where it is a refusal, and *account*, who is refused, is known; return it."""
        status = answer.counts_as or answer.status
        if account is not None and status != HTTPStatus.OK:
            self.note_words(account, flow, status, _words(answer))
        return answer

    def note_words(self, account: Account, flow: str, status: int, detail: str) -> None:
        """Count a request that was refused with *status* for the reason that *detail* says."""
        key = (account.id, account.platform, flow, status, detail)
        if key not in self._counts and len(self._counts) >= MAX_REFUSALS:
            key = (account.id, account.platform, flow, status, "")
        refused = self._counts.setdefault(key, _Refused())
        refused.requests += 1
        refused.last_ms = self._clock.now_ms()

    async def run(self) -> None:
        """Tell the log until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_S)
            self.flush()

    def flush(self) -> None:
        """Hand what was counted to the publisher: a line that is lost takes a count with it, and no event."""
        taken, self._counts = self._counts, OrderedDict()
        for (account_id, platform, flow, status, detail), refused in taken.items():
            self._number += 1
            line = DeliveryLine(
                delivery_id=f"d-{refused.last_ms:011x}{self._number & 0xFFFFFF:06x}{id(self) & 0xFFFFFF:06x}",
                account_id=account_id,
                platform=platform,
                flow=flow,
                status=status,
                received=0,
                accepted=0,
                duplicate=0,
                rejected=0,
                received_ms=refused.last_ms,
                answered_ms=refused.last_ms,
                requests=refused.requests,
                detail=detail,
            )
            self._publisher.add(Topic.DELIVERIES, 0, LineBatch(account_id, refused.last_ms, [encode(line)]))


def _words(answer: HttpAnswer) -> str:
    """Return our own words of why *answer* refuses, without what they may quote of the request."""
    try:
        detail = _decode(answer.body).get("detail", "")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    text = _QUOTED.sub("…", str(detail))[:MAX_DETAIL_CHARS]
    return "" if find_pii(text) else text
