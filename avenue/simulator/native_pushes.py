"""Makes native pushes: plain ones, late ones, redelivered ones, unplaced ones, garbage, wrongly signed ones."""

import base64
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from avenue.simulator.behaviour import late_age_ms, price, rhythmic_time, visitor
from avenue.simulator.messages.base import BuildMessage, FlowSigner, MessageContext, PushMessage
from avenue.simulator.messages.catalogue import FLAWED, REFUNDS, TWINS, MessageType
from avenue.simulator.messages.sessions import SimulatedPlacement
from avenue.simulator.options import SimulateOptions
from avenue.simulator.sources import NativeSource
from registry.webhook_secret import PREFIX
from schemas.outcomes import RejectReason
from schemas.timing import DAY_MS, HOUR_MS, MINUTE_MS

# Recent pushes that may be redelivered: platforms retry within minutes, not for ever.
RECENT = 256
# Comments of one live push.
LIVE_ELEMENTS = 12
_PLAIN_FEN = 1990
# Of plain pushes: visitors who want their money back are few.
REFUND_SHARE = 0.02
_T = TypeVar("_T")
NO_DEPENDENCE: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class _SentPush:
    """A push that was sent, and how to make the same order come by the other road."""

    serial: int
    message: PushMessage
    twin: PushMessage | None


class NativeMaker:
    """Draws native pushes of all sources by their weights."""

    def __init__(self, options: SimulateOptions, sources: Sequence[NativeSource], rng: random.Random, run: str) -> None:
        self._options = options
        self._sources = sources
        self._weights = [source.message_type.weight * max(1, len(source.placements)) for source in sources]
        self._rng = rng
        self._run = run
        self._recent: list[_SentPush] = []
        self._refundable: list[tuple[int, PushMessage]] = []

    def make(self, serial: int, left: int) -> tuple[PushMessage, frozenset[int]]:
        """Return push number *serial*, of at most *left* events, and the pushes it must come after."""
        shares, chance = self._options.shares, self._rng.random()
        for share, make in (
            (shares.duplicates, self._repeat),
            (shares.rejects, self._flawed),
            (shares.unknown_placement, self._unplaced),
            (shares.wrong_signature, self._wrongly_signed),
        ):
            if chance < share:
                made = make(serial, left)
                return made if isinstance(made, tuple) else (made, NO_DEPENDENCE)
            chance -= share
        if self._refundable and self._rng.random() < REFUND_SHARE:
            return self._refunded(serial)
        return self._plain(serial, left), NO_DEPENDENCE

    def _draw(self) -> NativeSource:
        return self._rng.choices(self._sources, self._weights)[0]

    def _plain(self, serial: int, left: int) -> PushMessage:
        source = self._draw()
        context = self._context(source, serial, left)
        message = source.message_type.build(source.signer, context)
        self._remember(source, context, message)
        return message

    def _remember(self, source: NativeSource, context: MessageContext, message: PushMessage) -> None:
        if any(event.expected != "accepted" for event in message.events):
            return
        self._put(self._recent, _SentPush(context.serial, message, self._related(TWINS, source, context)))
        if (refund := self._related(REFUNDS, source, context)) is not None:
            self._put(self._refundable, (context.serial, refund))

    def _put(self, among: list[_T], made: _T) -> None:
        if len(among) < RECENT:
            among.append(made)
        else:
            among[self._rng.randrange(RECENT)] = made

    def _refunded(self, serial: int) -> tuple[PushMessage, frozenset[int]]:
        """Return the refund of an order that was sent; it comes once, and after the order is stored."""
        order, refund = self._refundable.pop(self._rng.randrange(len(self._refundable)))
        self._put(self._recent, _SentPush(serial, refund, None))
        return refund, frozenset({order})

    def _related(
        self, builds: Mapping[BuildMessage, tuple[str, BuildMessage]], source: NativeSource, context: MessageContext
    ) -> PushMessage | None:
        flow, build = builds.get(source.message_type.build, ("", None))
        for other in self._sources:
            if build and other.signer.account.id == source.signer.account.id and other.message_type.flow == flow:
                return build(other.signer, context)
        return None

    def _repeat(self, serial: int, left: int) -> PushMessage | tuple[PushMessage, frozenset[int]]:
        fitting = [made for made in self._recent if len(made.message.events) <= left]
        if not fitting:
            return self._plain(serial, left)
        made = self._rng.choice(fitting)
        message = made.twin if made.twin is not None and self._rng.random() < 0.3 else made.message
        events = tuple(replace(event, expected="duplicate", fault="repeat") for event in message.events)
        return PushMessage(message.request, events), frozenset({made.serial})

    def _flawed(self, serial: int, left: int) -> PushMessage:
        flawed = [s for s in self._sources if (s.message_type.platform, s.message_type.flow) in FLAWED]
        if not flawed:
            return self._plain(serial, left)
        source = self._rng.choice(flawed)
        build = self._rng.choice(FLAWED[source.message_type.platform, source.message_type.flow])
        return build(source.signer, self._context(source, serial, left))

    def _unplaced(self, serial: int, left: int) -> PushMessage:
        placeable = [s for s in self._sources if s.message_type.on and not s.message_type.consent]
        if not placeable:
            return self._plain(serial, left)
        source = self._rng.choice(placeable)
        context = self._context(source, serial, left)
        keys = dict.fromkeys(context.keys, f"unplaced-{context.token}")
        message = source.message_type.build(source.signer, replace(context, keys=keys))
        return _rejected(message, RejectReason.UNKNOWN_PLACEMENT)

    def _wrongly_signed(self, serial: int, left: int) -> PushMessage:
        symmetric = [s for s in self._sources if not s.signer.rsa]
        if not symmetric:
            return self._plain(serial, left)
        source = self._rng.choice(symmetric)
        message = source.message_type.build(_other_secret(source.signer), self._context(source, serial, left))
        events = tuple(replace(e, expected="refused", fault="wrong_signature") for e in message.events)
        return PushMessage(message.request, events)

    def _context(self, source: NativeSource, serial: int, left: int) -> MessageContext:
        rng, now_ms = self._rng, self._options.clock.now_ms()
        placement, keys = rng.choice(source.placements) if source.placements else (None, {})
        subject = f"o-{visitor(rng, f'{rng.getrandbits(40):010x}')}"
        if source.message_type.consent:
            subject = f"o-consent-{rng.getrandbits(40):010x}"
        occurred_ms = self._occurred(source, placement, now_ms)
        return MessageContext(
            rng=rng,
            run=self._run,
            serial=serial,
            now_ms=now_ms,
            occurred_ms=occurred_ms,
            keys=keys,
            subject=subject,
            fen=price(rng, placement.profile(occurred_ms)) if placement else _PLAIN_FEN,
            count=min(left, LIVE_ELEMENTS),
        )

    def _occurred(self, source: NativeSource, placement: SimulatedPlacement | None, now_ms: int) -> int:
        """Return when it happened: now, in the days before, or late; as the placement and the message type allow."""
        reach_ms = reach(source.message_type, source, self._options)
        first_ms = max(now_ms - reach_ms, placement.from_ms) if placement else now_ms - reach_ms
        if self._options.days > 0:
            return rhythmic_time(self._rng, max(first_ms, now_ms - int(self._options.days * DAY_MS)), now_ms)
        age_ms = self._rng.randint(200, 8000)
        if self._rng.random() < self._options.shares.late:
            age_ms = late_age_ms(self._rng)
        return max(first_ms, now_ms - age_ms)


def reach(message_type: MessageType, source: NativeSource, options: SimulateOptions) -> int:
    """Return how far back a message may tell, in milliseconds."""
    if message_type.time == "signed":
        return max(MINUTE_MS, source.signer.account.max_age_s * 1000 - 2 * HOUR_MS)
    days = source.signer.account.max_event_age_days or 30
    # An hour's room: the server measures the age when the push arrives.
    return min(days * DAY_MS - HOUR_MS, max(int(options.days), 3) * DAY_MS)


def _rejected(message: PushMessage, reason: RejectReason) -> PushMessage:
    events = tuple(
        event
        if event.expected == "rejected"
        else replace(event, expected="rejected", reason=reason, fault=reason.value)
        for event in message.events
    )
    return PushMessage(message.request, events)


def _other_secret(signer: FlowSigner) -> FlowSigner:
    if signer.secret.startswith(PREFIX.encode()):
        return replace(signer, secret=PREFIX.encode() + base64.b64encode(b"not the secret of this account"))
    return replace(signer, secret=b"not-the-secret")
