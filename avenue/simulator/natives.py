"""Makes native pushes: plain ones, late ones, redelivered ones, unplaced ones, garbage, wrongly signed ones."""

import base64
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from avenue.simulator.behaviour import late_age_ms, price, rhythmic_time, visitor
from avenue.simulator.messages.base import Build, Message, Scene, Signer
from avenue.simulator.messages.catalogue import FLAWED, REFUNDS, TWINS, Sort
from avenue.simulator.messages.sessions import Spot
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
class _Made:
    """A push that was sent, and how to make the same order come by the other road."""

    serial: int
    message: Message
    twin: Message | None


class NativeMaker:
    """Draws native pushes of all sources by their weights."""

    def __init__(self, options: SimulateOptions, sources: Sequence[NativeSource], rng: random.Random, run: str) -> None:
        self._options = options
        self._sources = sources
        self._weights = [source.sort.weight * max(1, len(source.spots)) for source in sources]
        self._rng = rng
        self._run = run
        self._recent: list[_Made] = []
        self._refundable: list[tuple[int, Message]] = []

    def make(self, serial: int, left: int) -> tuple[Message, frozenset[int]]:
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

    def _plain(self, serial: int, left: int) -> Message:
        source = self._draw()
        scene = self._scene(source, serial, left)
        message = source.sort.build(source.signer, scene)
        self._remember(source, scene, message)
        return message

    def _remember(self, source: NativeSource, scene: Scene, message: Message) -> None:
        if any(event.expected != "accepted" for event in message.events):
            return
        self._put(self._recent, _Made(scene.serial, message, self._related(TWINS, source, scene)))
        if (refund := self._related(REFUNDS, source, scene)) is not None:
            self._put(self._refundable, (scene.serial, refund))

    def _put(self, among: list[_T], made: _T) -> None:
        if len(among) < RECENT:
            among.append(made)
        else:
            among[self._rng.randrange(RECENT)] = made

    def _refunded(self, serial: int) -> tuple[Message, frozenset[int]]:
        """Return the refund of an order that was sent; it comes once, and after the order is stored."""
        order, refund = self._refundable.pop(self._rng.randrange(len(self._refundable)))
        self._put(self._recent, _Made(serial, refund, None))
        return refund, frozenset({order})

    def _related(self, builds: Mapping[Build, tuple[str, Build]], source: NativeSource, scene: Scene) -> Message | None:
        flow, build = builds.get(source.sort.build, ("", None))
        for other in self._sources:
            if build and other.signer.account.id == source.signer.account.id and other.sort.flow == flow:
                return build(other.signer, scene)
        return None

    def _repeat(self, serial: int, left: int) -> Message | tuple[Message, frozenset[int]]:
        fitting = [made for made in self._recent if len(made.message.events) <= left]
        if not fitting:
            return self._plain(serial, left)
        made = self._rng.choice(fitting)
        message = made.twin if made.twin is not None and self._rng.random() < 0.3 else made.message
        events = tuple(replace(event, expected="duplicate", fault="repeat") for event in message.events)
        return Message(message.request, events), frozenset({made.serial})

    def _flawed(self, serial: int, left: int) -> Message:
        flawed = [s for s in self._sources if (s.sort.platform, s.sort.flow) in FLAWED]
        if not flawed:
            return self._plain(serial, left)
        source = self._rng.choice(flawed)
        build = self._rng.choice(FLAWED[source.sort.platform, source.sort.flow])
        return build(source.signer, self._scene(source, serial, left))

    def _unplaced(self, serial: int, left: int) -> Message:
        placeable = [s for s in self._sources if s.sort.on and not s.sort.consent]
        if not placeable:
            return self._plain(serial, left)
        source = self._rng.choice(placeable)
        scene = self._scene(source, serial, left)
        keys = dict.fromkeys(scene.keys, f"unplaced-{scene.token}")
        message = source.sort.build(source.signer, replace(scene, keys=keys))
        return _rejected(message, RejectReason.UNKNOWN_PLACEMENT)

    def _wrongly_signed(self, serial: int, left: int) -> Message:
        symmetric = [s for s in self._sources if not s.signer.rsa]
        if not symmetric:
            return self._plain(serial, left)
        source = self._rng.choice(symmetric)
        message = source.sort.build(_other_secret(source.signer), self._scene(source, serial, left))
        events = tuple(replace(e, expected="refused", fault="wrong_signature") for e in message.events)
        return Message(message.request, events)

    def _scene(self, source: NativeSource, serial: int, left: int) -> Scene:
        rng, now_ms = self._rng, self._options.clock.now_ms()
        spot, keys = rng.choice(source.spots) if source.spots else (None, {})
        subject = f"o-{visitor(rng, f'{rng.getrandbits(40):010x}')}"
        if source.sort.consent:
            subject = f"o-consent-{rng.getrandbits(40):010x}"
        return Scene(
            rng=rng,
            run=self._run,
            serial=serial,
            now_ms=now_ms,
            occurred_ms=self._occurred(source, spot, now_ms),
            keys=keys,
            subject=subject,
            fen=price(rng, spot.habit) if spot else _PLAIN_FEN,
            count=min(left, LIVE_ELEMENTS),
        )

    def _occurred(self, source: NativeSource, spot: Spot | None, now_ms: int) -> int:
        """Return when it happened: now, in the days before, or late; within what the placement and the sort allow."""
        reach_ms = reach(source.sort, source, self._options)
        first_ms = max(now_ms - reach_ms, spot.from_ms) if spot else now_ms - reach_ms
        if self._options.days > 0:
            return rhythmic_time(self._rng, max(first_ms, now_ms - int(self._options.days * DAY_MS)), now_ms)
        age_ms = self._rng.randint(200, 8000)
        if self._rng.random() < self._options.shares.late:
            age_ms = late_age_ms(self._rng)
        return max(first_ms, now_ms - age_ms)


def reach(sort: Sort, source: NativeSource, options: SimulateOptions) -> int:
    """Return how far back a message may tell, in milliseconds."""
    if sort.time == "signed":
        return max(MINUTE_MS, source.signer.account.max_age_s * 1000 - 2 * HOUR_MS)
    days = source.signer.account.max_event_age_days or 30
    # An hour's room: the server measures the age when the push arrives.
    return min(days * DAY_MS - HOUR_MS, max(int(options.days), 3) * DAY_MS)


def _rejected(message: Message, reason: RejectReason) -> Message:
    events = tuple(
        event
        if event.expected == "rejected"
        else replace(event, expected="rejected", reason=reason, fault=reason.value)
        for event in message.events
    )
    return Message(message.request, events)


def _other_secret(signer: Signer) -> Signer:
    if signer.secret.startswith(PREFIX.encode()):
        return replace(signer, secret=PREFIX.encode() + base64.b64encode(b"not the secret of this account"))
    return replace(signer, secret=b"not-the-secret")
