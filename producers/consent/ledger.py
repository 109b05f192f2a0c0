"""Who may be counted: the changes of consent per account and subject, on a compacted topic.

A gateway holds the last changes of each subject; several gateways merge what they read, so that none undoes another's.
"""

import threading
from collections.abc import Collection, Iterable, KeysView
from typing import NamedTuple

import msgspec

from producers.validation.effects import EventEffect
from runtime.errors import ProtocolError
from schemas.topics import Topic

MAX_CHANGES = 8
"""Changes kept per subject: an event is at most 30 days old, and nobody changes more often in that time on purpose."""


class ConsentChange(msgspec.Struct, frozen=True, order=True, array_like=True):
    """One change: when (Unix ms, the partner's clock) and to what."""

    at_ms: int
    granted: bool


class ConsentMerge(NamedTuple):
    """What a merge came to, each oldest first."""

    known: tuple[ConsentChange, ...]
    """The last 8 changes."""
    added: tuple[ConsentChange, ...]
    """Those of them that were not known before."""
    dropped: tuple[ConsentChange, ...]
    """Those that newer ones have pushed out."""


class ConsentLedger:
    """The changes known here, safe to read from the loop while the follower's thread merges.

    Raises `ProtocolError` from `merge` beyond *max_subjects*: forgetting one would count who withdrew.
    """

    def __init__(self, *, max_subjects: int) -> None:
        self._changes: dict[str, tuple[ConsentChange, ...]] = {}
        self.subjects: KeysView[str] = self._changes.keys()
        """The keys that have changes, at any time: to ask `allows` of another is to be told True."""
        self.overflow: str | None = None
        """Why a change could not be taken in; None while all of them are."""
        self._max_subjects = max_subjects
        self._lock = threading.Lock()

    def allows(self, key: str, occurred_ms: int, *, but: Collection[ConsentChange] = ()) -> bool:
        """Tell whether an event of *key* at *occurred_ms* may be taken: by the latest change at or before it.

        Changes in *but* are not looked at.
        """
        changes = self._changes.get(key)
        if not changes:
            return True
        allowed = True
        for change in changes:
            if change.at_ms > occurred_ms:
                break
            if change not in but:
                allowed = change.granted
        return allowed

    def changes(self, key: str) -> tuple[ConsentChange, ...]:
        """Return the changes known of *key*, oldest first."""
        return self._changes.get(key, ())

    def merge(self, key: str, changes: Iterable[ConsentChange]) -> ConsentMerge:
        """Add *changes* to those of *key*, and keep the last 8."""
        with self._lock:
            before = self._changes.get(key)
            if before is None and len(self._changes) >= self._max_subjects:
                self.overflow = (
                    f"more than {self._max_subjects} subjects have consent states; "
                    "raise AVENUE_GATEWAY__CONSENT_SUBJECTS (about 200 bytes each)"
                )
                raise ProtocolError(self.overflow)
            # At one instant a withdrawal outweighs a grant: it is sorted behind, and the last one holds.
            merged = sorted({*(before or ()), *changes}, key=lambda change: (change.at_ms, not change.granted))
            known = self._changes[key] = tuple(merged[-MAX_CHANGES:])
            added = tuple(change for change in known if change not in (before or ()))
            return ConsentMerge(known, added, tuple(merged[:-MAX_CHANGES]))

    def __len__(self) -> int:
        return len(self._changes)


def consent_effects(key: str, change: ConsentChange, merged: ConsentMerge) -> tuple[EventEffect, ...]:
    """Return what *change* of *key* has to leave on the topic once it is *merged*: also where it was known before.

    It may have been noted by a request whose publish failed. A change that newer ones have pushed out leaves nothing.
    """
    gone = tuple(EventEffect(Topic.CONSENT, change_key(key, old), None) for old in merged.dropped)
    if change not in merged.known:
        return gone
    return (EventEffect(Topic.CONSENT, change_key(key, change), encode_changes([change])), *gone)


def consent_key(account_id: str, first_step: str) -> str:
    """Return what names a subject in the ledger: its account and its first-step hash."""
    return f"{account_id}:{first_step}"


def change_key(key: str, change: ConsentChange) -> str:
    """Return the topic's key of one change of *key*: compaction keeps it whatever other gateways write."""
    return f"{key}:{change.at_ms}:{'granted' if change.granted else 'withdrawn'}"


def consent_key_of(topic_key: str) -> str:
    """Return whom a topic's key is about."""
    account_id, first_step, *_ = topic_key.split(":")
    return consent_key(account_id, first_step)


encode_changes = msgspec.json.Encoder().encode
decode_changes = msgspec.json.Decoder(list[ConsentChange]).decode
