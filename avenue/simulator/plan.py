"""What is sent, in order: a pure function of the seed, the sources and the clock."""

import hashlib
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from avenue.simulator.batch_pushes import BatchMaker
from avenue.simulator.messages.base import PushMessage
from avenue.simulator.native_pushes import NativeMaker
from avenue.simulator.options import SimulateOptions
from avenue.simulator.sources import TrafficSources


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """One request in its place. It may be sent when every one in *after* was answered: what it repeats is in those."""

    serial: int
    message: PushMessage
    after: frozenset[int]


def run_token(seed: int, options: SimulateOptions) -> str:
    """Return the word in every id of a run: another selection or period of the same seed makes other events."""
    text = f"{seed}/{','.join(options.only)}/{options.days}"
    return "s" + hashlib.blake2b(text.encode(), digest_size=5).hexdigest()


class SendPlan:
    """The requests of a run; iterate once."""

    def __init__(self, options: SimulateOptions, sources: TrafficSources, seed: int) -> None:
        self._options = options
        self._rng = random.Random(seed)  # noqa: S311 - traffic must be repeatable, not secret
        run = run_token(seed, options)
        self._natives = NativeMaker(options, sources.native, self._rng, run) if sources.native else None
        self._batches = BatchMaker(options, sources.batch, self._rng, run) if sources.batch else None

    def __iter__(self) -> Iterator[PlannedRequest]:
        """Yield requests that together hold exactly `options.events` events."""
        left = self._options.events
        native_sent = sent = 0
        for serial in itertools.count():
            if left == 0:
                return
            is_native = self._is_native(native_sent, sent)
            message, after = self._next(serial, left, is_native=is_native)
            size = len(message.events)
            left -= size
            sent += size
            native_sent += size if is_native else 0
            yield PlannedRequest(serial, message, after)

    def _is_native(self, native_sent: int, sent: int) -> bool:
        if self._natives is None or self._batches is None:
            return self._batches is None
        # Steered by events, not by requests: a batch push holds many.
        return native_sent <= self._options.native_share * sent and self._options.native_share > 0

    def _next(self, serial: int, left: int, *, is_native: bool) -> tuple[PushMessage, frozenset[int]]:
        maker = self._natives if is_native else self._batches
        if maker is None:
            raise RuntimeError("a plan needs at least one source")
        return maker.make(serial, left)
