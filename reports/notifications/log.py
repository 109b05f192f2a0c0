"""Who has told what: claims on `notifications.v1`, so that of several processes one tells, and none tells twice.

A claim stands from before the message is sent. A process that is killed in between leaves a message untold; the other
way round it would be told twice. Only what was surely not delivered is given free again.
"""

import json
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from registry.log import CompactedLog, standing
from runtime.settings import Settings
from schemas.topics import Topic

TOLD = "told"
FROZEN = "frozen"
_MARK = "|"
"""Between the parts of a key; no id holds it."""


@dataclass(frozen=True, slots=True)
class FrozenReport:
    """A report of a trial that was frozen, and when (Unix ms)."""

    trial_id: str
    report_id: str
    frozen_ms: int


@dataclass(frozen=True, slots=True)
class NotificationState:
    """What the topic comes to: the keys that are claimed, and the reports that were frozen."""

    told: frozenset[str] = frozenset()
    frozen: tuple[FrozenReport, ...] = ()


class NotificationLog(Protocol):
    """Where claims stand. Every call raises `UnavailableError` where the broker does not answer."""

    def read(self) -> NotificationState:
        """Return what stands now, the claims of other processes included."""
        ...

    def claim(self, keys: Collection[str]) -> frozenset[str]:
        """Claim *keys*; return those that are this process's to tell: claimed by it, and not returned before."""
        ...

    def release(self, key: str) -> None:
        """Give *key*, claimed here, free again: its message was surely not delivered."""
        ...

    def close(self) -> None:
        """Let go of the clients."""
        ...


class KafkaNotificationLog:
    """The topic. *prefix* stands before its name."""

    def __init__(self, settings: Settings, *, prefix: str = "") -> None:
        self._log = CompactedLog(settings.kafka, prefix + Topic.NOTIFICATIONS)
        self._owner = uuid.uuid4().hex.encode()
        self._returned: set[str] = set()

    def read(self) -> NotificationState:
        """Return what stands now."""
        return state_of(standing(self._log.read()))

    def claim(self, keys: Collection[str]) -> frozenset[str]:
        """Claim *keys*: of two processes the lower offset stands.

        A claim that was written though its confirmation was lost is found again at the next call.
        """
        stands = self._log.claim(dict.fromkeys(sorted(keys), self._owner))
        ours = frozenset(key for key, owner in stands.items() if owner == self._owner) - self._returned
        self._returned |= ours
        return ours

    def release(self, key: str) -> None:
        """Give *key* free again."""
        self._log.write({key: None})
        self._returned.discard(key)

    def close(self) -> None:
        """Let go of the producer."""
        self._log.close()


def announce_frozen(settings: Settings, report: FrozenReport, *, prefix: str = "") -> None:
    """Let the channels hear that *report* was frozen; once, however often it is announced.

    Whoever freezes calls it when the report is stored. Raises `UnavailableError` where no broker answers: the report
    is frozen all the same, and nobody is told. *prefix* stands before the topic's name.
    """
    log = CompactedLog(settings.kafka, prefix + Topic.NOTIFICATIONS)
    try:
        log.claim({frozen_key(report): json.dumps({"frozen_ms": report.frozen_ms}).encode()})
    finally:
        log.close()


def frozen_key(report: FrozenReport) -> str:
    """Return the key under which *report* stands."""
    return _MARK.join((FROZEN, report.trial_id, report.report_id))


def told_key(*parts: str) -> str:
    """Return the key of one message: channel, sort, trial, what of it, and the day or week."""
    return _MARK.join((TOLD, *parts))


def state_of(values: dict[str, bytes]) -> NotificationState:
    """Return what the standing *values* come to; what cannot be read is left out."""
    told, frozen = set(), []
    for key, value in values.items():
        match key.split(_MARK):
            case [word, *_] if word == TOLD:
                told.add(key)
            case [word, trial_id, report_id] if word == FROZEN:
                if (at_ms := _frozen_ms(value)) is not None:
                    frozen.append(FrozenReport(trial_id, report_id, at_ms))
            case _:
                continue
    return NotificationState(frozenset(told), tuple(sorted(frozen, key=lambda f: (f.frozen_ms, f.report_id))))


def _frozen_ms(value: bytes) -> int | None:
    try:
        found = json.loads(value)["frozen_ms"]
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, int) else None
