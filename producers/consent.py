"""Who may be counted: the changes of consent per account and subject, on a compacted topic.

A gateway holds the last changes of each subject; several gateways merge what they read, so that none undoes another's.
"""

import threading
from collections.abc import Iterable, KeysView

import msgspec

from runtime.errors import ProtocolError

MAX_CHANGES = 8
"""Changes kept per subject: an event is at most 30 days old, and nobody changes more often in that time on purpose."""


class ConsentChange(msgspec.Struct, frozen=True, order=True, array_like=True):
    """One change: when (Unix ms, the partner's clock) and to what."""

    at_ms: int
    granted: bool


class ConsentLedger:
    """The changes known here, safe to read from the loop while the follower's thread merges.

    Raises `ProtocolError` from `merge` beyond *max_subjects*: forgetting one would count who withdrew.
    """

    def __init__(self, *, max_subjects: int) -> None:
        self._changes: dict[str, tuple[ConsentChange, ...]] = {}
        self.subjects: KeysView[str] = self._changes.keys()
        """The keys that have changes, at any time: to ask `allows` of another is to be told True."""
        self._max_subjects = max_subjects
        self._lock = threading.Lock()

    def allows(self, key: str, occurred_ms: int) -> bool:
        """Tell whether an event of *key* at *occurred_ms* may be taken: by the latest change at or before it."""
        changes = self._changes.get(key)
        if not changes:
            return True
        allowed = True
        for change in changes:
            if change.at_ms > occurred_ms:
                break
            allowed = change.granted
        return allowed

    def merge(self, key: str, changes: Iterable[ConsentChange]) -> tuple[ConsentChange, ...]:
        """Add *changes* to those of *key* and return what is now known, oldest first, the last 8."""
        with self._lock:
            known = self._changes.get(key)
            if known is None and len(self._changes) >= self._max_subjects:
                raise ProtocolError(
                    f"more than {self._max_subjects} subjects have consent states; "
                    "raise AVENUE_GATEWAY__CONSENT_SUBJECTS (about 200 bytes each)"
                )
            # At one instant a withdrawal outweighs a grant: it is sorted behind, and the last one holds.
            merged = sorted({*(known or ()), *changes}, key=lambda change: (change.at_ms, not change.granted))
            kept = tuple(merged[-MAX_CHANGES:])
            self._changes[key] = kept
            return kept

    def __len__(self) -> int:
        return len(self._changes)


def consent_key(account_id: str, first_step: str) -> str:
    """Return the topic's key of a subject: its account and its first-step hash."""
    return f"{account_id}:{first_step}"


encode_changes = msgspec.json.Encoder().encode
decode_changes = msgspec.json.Decoder(list[ConsentChange]).decode
