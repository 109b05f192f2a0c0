"""Makes batch pushes: whole sessions, with late, repeated and spoilt events among them."""

import gzip
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from urllib.parse import urlencode

from avenue.simulator.behaviour import late_age_ms, rhythmic_time
from avenue.simulator.messages.base import JSON, PushMessage, PushRequest, any_2xx
from avenue.simulator.messages.flaws import FLAWS, FlawContext, unknown_placement
from avenue.simulator.messages.sessions import BatchLine, SessionMaker, SimulatedPlacement, line_of, rfc3339
from avenue.simulator.options import SimulateOptions
from avenue.simulator.sources import BATCH_FLOW, BatchSource
from registry.webhook_signing import standard_headers
from schemas.outcomes import RejectReason
from schemas.timing import DAY_MS, HOUR_MS

PATH = "/v1/events"
# Recent events that may come again; a partner repeats what it is unsure of, soon.
RECENT = 1024
# Smaller bodies gain nothing from packing.
GZIP_FROM_BYTES = 8192
_WRONG_KEY = "not-a-key-of-this-server"
_WRONG_SECRET = b"not the secret of this account"


@dataclass(slots=True)
class _AccountTraffic:
    """An account and what it has sent: each with the number of its request."""

    source: BatchSource
    sessions: SessionMaker
    pending: Iterator[BatchLine] = field(default_factory=lambda: iter(()))
    recent: list[tuple[int, BatchLine]] = field(default_factory=list)


class BatchMaker:
    """Draws batch pushes of all sources in turn."""

    def __init__(self, options: SimulateOptions, sources: Sequence[BatchSource], rng: random.Random, run: str) -> None:
        self._options = options
        self._rng = rng
        self._run = run
        self._ids = 0
        self._accounts = [
            _AccountTraffic(s, SessionMaker(rng, self._next_id, recycles=s.account.platform == "aihuishou"))
            for s in sources
        ]
        # A batch is not larger than what falls due in a second: a slow rate must not come in lumps.
        self._size = options.batch if options.rate is None else max(1, min(options.batch, int(options.rate)))

    def _next_id(self) -> str:
        self._ids += 1
        return f"{self._run}-{self._ids:08d}"

    def make(self, serial: int, left: int) -> tuple[PushMessage, frozenset[int]]:
        """Return push number *serial*, of at most *left* events, and the pushes it must come after."""
        account = self._rng.choice(self._accounts)
        # A refusal is of the whole request, so such a push holds one event: so many of them come to each sound one.
        wrong = self._options.shares.wrong_signature * self._size
        if wrong and self._rng.random() < wrong / (1 + wrong):
            return self._wrongly_signed(account, serial), frozenset()
        size = min(left, self._size)
        lines: list[BatchLine] = []
        after: set[int] = set()
        while len(lines) < size:
            for line, first in self._some(account, serial):
                if len(lines) < size:
                    lines.append(line)
                    after.add(first)
        after.discard(serial)
        return self._message(account.source, lines, f"b-{self._run}-{serial}"), frozenset(after)

    def _some(self, account: _AccountTraffic, serial: int) -> list[tuple[BatchLine, int]]:
        """Return the next line or two, each with the number of the push it must come after (its own: none)."""
        shares, chance = self._options.shares, self._rng.random()
        if chance < shares.duplicates and account.recent:
            first, line = self._rng.choice(account.recent)
            return [(BatchLine(line.wire, replace(line.sent, expected="duplicate", fault="repeat")), first)]
        chance -= shares.duplicates
        if 0 <= chance < shares.rejects + shares.unknown_placement:
            flaw = unknown_placement if chance >= shares.rejects else self._rng.choice(FLAWS)
            return [(line, serial) for line in flaw(self._flaw_context(account.source))]
        line = self._next_line(account)
        self._remember(account, serial, line)
        return [(line, serial)]

    def _remember(self, account: _AccountTraffic, serial: int, line: BatchLine) -> None:
        if len(account.recent) < RECENT:
            account.recent.append((serial, line))
        elif self._rng.random() < 0.1:
            account.recent[self._rng.randrange(RECENT)] = (serial, line)

    def _next_line(self, account: _AccountTraffic) -> BatchLine:
        for line in account.pending:
            return line
        placement = self._rng.choice(account.source.placements)
        end_ms, fault = self._end(account.source, placement)
        account.pending = account.sessions.one(placement, end_ms, fault=fault)
        return self._next_line(account)

    def _end(self, source: BatchSource, placement: SimulatedPlacement) -> tuple[int, str]:
        """Return when a session ends, and `late` where it is told long after."""
        now_ms = self._options.clock.now_ms()
        # An hour's room: the server measures the age when the push arrives, a session lasts a while.
        reach_ms = source.max_age_days * DAY_MS - 2 * HOUR_MS
        if self._options.days > 0:
            reach_ms = min(reach_ms, int(self._options.days * DAY_MS))
            return rhythmic_time(self._rng, max(placement.from_ms, now_ms - reach_ms), now_ms), ""
        if self._rng.random() < self._options.shares.late:
            return max(placement.from_ms, now_ms - min(reach_ms, late_age_ms(self._rng))), "late"
        return max(placement.from_ms, now_ms - self._rng.randint(100, 5000)), ""

    def _flaw_context(self, source: BatchSource) -> FlawContext:
        now_ms = self._options.clock.now_ms()
        placement = self._rng.choice(source.placements)
        return FlawContext(
            rng=self._rng,
            next_id=self._next_id,
            placement=placement,
            at_ms=max(placement.from_ms, now_ms - 1000),
            max_age_ms=source.max_age_days * DAY_MS,
            foreign_product=source.foreign_product,
        )

    def _wrongly_signed(self, account: _AccountTraffic, serial: int) -> PushMessage:
        context = self._flaw_context(account.source)
        line = line_of(context.fields(occurred_at=rfc3339(context.at_ms)), context.at_ms)
        source = replace(
            account.source,
            key=_WRONG_KEY if account.source.key else "",
            secret=b"" if account.source.key else _WRONG_SECRET,
        )
        message = self._message(source, [line], f"b-{self._run}-{serial}")
        return PushMessage(message.request, (replace(line.sent, expected="refused", fault="wrong_signature"),))

    def _message(self, source: BatchSource, lines: list[BatchLine], message_id: str) -> PushMessage:
        body, content_type = self._body(lines)
        headers = {"content-type": content_type}
        if len(body) > GZIP_FROM_BYTES:
            body = gzip.compress(body, compresslevel=1, mtime=0)
            headers["content-encoding"] = "gzip"
        if source.key:
            headers["authorization"] = f"Bearer {source.key}"
        # The signature is over the bytes on the wire, packed as they are.
        sign = None if source.key else partial(_signature, source.secret, message_id, body)
        request = PushRequest(
            platform=source.account.platform,
            account=source.account.id,
            flow=BATCH_FLOW,
            path=PATH,
            query="" if source.key else urlencode({"account": source.account.id}),
            body=body,
            headers=headers,
            positive=any_2xx,
            sign=sign,
        )
        return PushMessage(request, tuple(line.sent for line in lines))

    def _body(self, lines: list[BatchLine]) -> tuple[bytes, str]:
        """Return the lines in one of the forms the server takes; broken JSON can only stand on a line of its own."""
        is_broken = any(line.sent.reason is RejectReason.MALFORMED for line in lines)
        chance = self._rng.random()
        if is_broken or chance < 0.7:
            return b"\n".join([*(line.wire for line in lines), b""]), "application/x-ndjson"
        array = b"[" + b",".join(line.wire for line in lines) + b"]"
        return (array if chance < 0.85 else b'{"events":' + array + b"}"), JSON


def _signature(secret: bytes, message_id: str, body: bytes, now_ms: int) -> dict[str, str]:
    return dict(standard_headers(secret, message_id, now_ms, body))
