"""Ends sessions, and makes, finds and ends share links; what it does holds in every process within 5 s."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from reports.access.ledger import AccessLedger
from reports.access.topic import AccessWriter, MemoryAccessWriter
from schemas.access import (
    SHARE_PREFIX,
    SIGNED_OUT_BEFORE_PREFIX,
    SIGNED_OUT_PREFIX,
    ShareEntry,
    SignedOutBeforeEntry,
    SignedOutEntry,
)

TOKEN_BYTES = 32
TOKEN_PREFIX = "avs_"  # noqa: S105 - how a token begins
TOKEN_CHARS = 64
"""No token is longer: what is longer is not even hashed."""


@dataclass(frozen=True, slots=True)
class ReaderSession:
    """A browser's sign-in: times in Unix ms."""

    id: str
    key_id: str
    began_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class NewShare:
    """A new link: *entry* is what is kept, *token* is shown to its maker and nowhere else."""

    entry: ShareEntry
    token: str

    def __repr__(self) -> str:
        """Leave the token out: this may end up in a log."""
        return f"NewShare({self.entry.id!r})"


class ReaderAccess:
    """One process's view. What it writes itself holds in it at once.

    Writing waits for the broker: call it in a thread. It raises `UnavailableError` where that does not confirm; what
    ends something has ended it in this process all the same.
    """

    def __init__(
        self, ledger: AccessLedger | None = None, writer: AccessWriter | None = None, *, max_ended: int = 20_000
    ) -> None:
        self.ledger = ledger or AccessLedger()
        self._writer = writer or MemoryAccessWriter()
        self._max_ended = max_ended

    def has_ended(self, session: ReaderSession) -> bool:
        """Tell whether *session* was signed out, here or in another process."""
        return self.ledger.is_signed_out(session.id, session.key_id, session.began_ms)

    def end_session(self, session: ReaderSession, now_ms: int) -> None:
        """Sign *session* out everywhere; where too many are held already, every session of its key up to now."""
        entries: dict[str, bytes | None]
        if self.ledger.count_signed_out(now_ms) < self._max_ended:
            ended = SignedOutEntry(until_ms=session.until_ms)
            entries = {SIGNED_OUT_PREFIX + session.id: msgspec.json.encode(ended)}
        else:
            before = SignedOutBeforeEntry(began_before_ms=now_ms + 1)
            entries = {SIGNED_OUT_BEFORE_PREFIX + session.key_id: msgspec.json.encode(before)}
        self._take(entries)
        self._writer.write(entries)

    def share_of(self, token: str, now_ms: int) -> ShareEntry | None:
        """Return the link of *token* whose time is not over, or None."""
        if not token.startswith(TOKEN_PREFIX) or len(token) > TOKEN_CHARS:
            return None
        found = self.ledger.share_of_hash(hashlib.sha256(token.encode()).hexdigest())
        return found if found is not None and found.until_ms > now_ms else None

    def shares_of(self, trial_id: str, now_ms: int) -> tuple[ShareEntry, ...]:
        """Return the links of a trial whose time is not over, the newest first."""
        found = (s for s in self.ledger.shares().values() if s.trial_id == trial_id and s.until_ms > now_ms)
        return tuple(sorted(found, key=lambda share: (-share.created_ms, share.id)))

    def share(self, share_id: str, now_ms: int) -> ShareEntry | None:
        """Return the link with that id whose time is not over, or None."""
        found = self.ledger.shares().get(share_id)
        return found if found is not None and found.until_ms > now_ms else None

    def make_share(self, trial_id: str, key_id: str, *, now_ms: int, until_ms: int) -> NewShare:
        """Make a link, and let go of those whose time is over. Nothing holds where the broker does not confirm."""
        token = TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        entry = ShareEntry(
            id=f"s-{secrets.token_hex(8)}",
            trial_id=trial_id,
            sha256=hashlib.sha256(token.encode()).hexdigest(),
            key_id=key_id,
            created_ms=now_ms,
            until_ms=until_ms,
        )
        over = {SHARE_PREFIX + share.id: None for share in self.ledger.shares().values() if share.until_ms <= now_ms}
        entries = {**over, SHARE_PREFIX + entry.id: msgspec.json.encode(entry)}
        self._writer.write(entries)
        self._take(entries)
        return NewShare(entry, token)

    def end_share(self, share_id: str) -> None:
        """End a link everywhere; to end one twice is harmless."""
        entries: dict[str, bytes | None] = {SHARE_PREFIX + share_id: None}
        self._take(entries)
        self._writer.write(entries)

    def _take(self, entries: Mapping[str, bytes | None]) -> None:
        for key, value in entries.items():
            self.ledger.take(key, value)
