"""What `reading-access.v1` adds up to: sessions that were signed out, and share links in force."""

import threading
from collections.abc import Mapping

import msgspec

from runtime.kafka import LogRecord
from schemas.access import (
    SHARE_PREFIX,
    SIGNED_OUT_BEFORE_PREFIX,
    SIGNED_OUT_PREFIX,
    ShareEntry,
    SignedOutBeforeEntry,
    SignedOutEntry,
)

_decode_share = msgspec.json.Decoder(ShareEntry).decode
_decode_signed_out = msgspec.json.Decoder(SignedOutEntry).decode
_decode_before = msgspec.json.Decoder(SignedOutBeforeEntry).decode


class AccessLedger:
    """A fold of the topic. Safe to read from the loop while the follower's thread takes in what others wrote."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shares: dict[str, ShareEntry] = {}
        self._by_hash: dict[str, ShareEntry] = {}
        self._signed_out: dict[str, int] = {}
        self._before: dict[str, int] = {}

    def reset(self) -> None:
        """Forget the links, which the topic tells again. What was signed out stays so."""
        with self._lock:
            self._shares, self._by_hash = {}, {}

    def apply(self, record: LogRecord) -> None:
        """Take *record* in; an empty value is a tombstone. Raises `ValueError` where it cannot be read."""
        self.take((record.key or b"").decode(), record.value)

    def publish(self) -> None:
        """Nothing to show: readers ask the ledger."""

    def take(self, key: str, value: bytes | None) -> None:
        """Take one entry in. Raises `ValueError` where it cannot be read."""
        try:
            with self._lock:
                self._take(key, value)
        except msgspec.MsgspecError as error:
            raise ValueError(str(error)) from error

    def _take(self, key: str, value: bytes | None) -> None:
        if key.startswith(SHARE_PREFIX):
            self._take_share(key.removeprefix(SHARE_PREFIX), value)
        elif key.startswith(SIGNED_OUT_PREFIX):
            if value:
                self._signed_out[key.removeprefix(SIGNED_OUT_PREFIX)] = _decode_signed_out(value).until_ms
        elif key.startswith(SIGNED_OUT_BEFORE_PREFIX):
            key_id = key.removeprefix(SIGNED_OUT_BEFORE_PREFIX)
            if value:
                self._before[key_id] = max(self._before.get(key_id, 0), _decode_before(value).began_before_ms)
        else:
            raise ValueError("the record's key names no known type of entry")

    def _take_share(self, share_id: str, value: bytes | None) -> None:
        entry = _decode_share(value) if value else None
        if (old := self._shares.pop(share_id, None)) is not None:
            del self._by_hash[old.sha256]
        if entry is not None:
            self._shares[share_id] = self._by_hash[entry.sha256] = entry

    def is_signed_out(self, session_id: str, key_id: str, began_ms: int) -> bool:
        """Tell whether a session, which its cookie says began then, was signed out."""
        return session_id in self._signed_out or began_ms < self._before.get(key_id, 0)

    def count_signed_out(self, now_ms: int) -> int:
        """Return how many are held that would not be over yet, and let go of the others."""
        with self._lock:
            self._signed_out = {session: until for session, until in self._signed_out.items() if until > now_ms}
            return len(self._signed_out)

    def share_of_hash(self, sha256: str) -> ShareEntry | None:
        """Return the link with that hash, in force or over."""
        return self._by_hash.get(sha256)

    def shares(self) -> Mapping[str, ShareEntry]:
        """Return all links by id, in force or over."""
        with self._lock:
            return dict(self._shares)
