"""Pseudonyms of the last minutes, by the text they stand for: a visitor's next event costs a look-up, not four hashes.

What partners send as subjects and sessions is held here in memory only, and forgotten as a whole when old or much.
"""

from collections.abc import Callable
from typing import Protocol

from producers.consent import consent_key
from registry.pseudonyms import TwoSteps

KEEP_MS = 300_000
"""A visit on an avenue of 200 metres is mostly over by then; what goes on is hashed once more."""
MAX_TEXTS = 100_000
"""About 250 bytes each."""


class Pseudonymiser(Protocol):
    """Two-step keyed hashes of subjects and sessions, 32 hex digits each."""

    def first_step(self, account_id: str, subject: str) -> str:
        """Return the hash with the account's key. Raises `UnavailableError` where the key is not here yet."""
        ...

    def second_step(self, trial_id: str, first_step: str) -> str:
        """Return the hash of *first_step* with the trial's key. Raises `UnavailableError` likewise."""
        ...

    def two_steps(self, account_id: str, trial_id: str) -> TwoSteps:
        """Return both with the keys in force. Raises `UnavailableError` likewise."""
        ...


class Known:
    """The texts of one account within one trial. Asking for one that is not known hashes it."""

    def __init__(self, account_id: str, steps: TwoSteps, note_learnt: Callable[[], None]) -> None:
        self.keys = steps.keys
        self.subjects = _Subjects(self)
        """By subject: its consent key, and its part of the stored line."""
        self.sessions = _Sessions(self)
        """By session: its part of the stored line."""
        self._account_id = account_id
        self._steps = steps
        self._note_learnt = note_learnt

    def hash_subject(self, text: str) -> tuple[str, bytes]:
        """Return what stands for a subject."""
        self._note_learnt()
        first, second = self._steps.both(text)
        return consent_key(self._account_id, first), b',"subject":"%b"' % second.encode()

    def hash_session(self, text: str) -> bytes:
        """Return what stands for a session."""
        self._note_learnt()
        return b',"session_id":"%b"' % self._steps.both(text)[1].encode()


class _Subjects(dict[str, tuple[str, bytes]]):
    def __init__(self, known: Known) -> None:
        super().__init__()
        self._known = known

    def __missing__(self, text: str) -> tuple[str, bytes]:
        found = self[text] = self._known.hash_subject(text)
        return found


class _Sessions(dict[str, bytes]):
    def __init__(self, known: Known) -> None:
        super().__init__()
        self._known = known

    def __missing__(self, text: str) -> bytes:
        found = self[text] = self._known.hash_session(text)
        return found


class RecentPseudonyms:
    """The known texts of all accounts and trials, for *keep_ms* at most and *max_texts* beside one request's at most.

    Used from one event loop only. A key that was destroyed or replaced is no longer used from the next request on.
    """

    def __init__(self, *, keep_ms: int = KEEP_MS, max_texts: int = MAX_TEXTS) -> None:
        self._keep_ms = keep_ms
        self._max_texts = max_texts
        self._known: dict[tuple[str, str], Known] = {}
        self._began_ms = 0
        self._learnt = 0

    def forget_old(self, now_ms: int) -> None:
        """Forget everything where it is old or much; to be called once a request."""
        if self._learnt >= self._max_texts or not 0 <= now_ms - self._began_ms < self._keep_ms:
            self._known, self._began_ms, self._learnt = {}, now_ms, 0

    def note_learnt(self) -> None:
        """Count a text that is now known."""
        self._learnt += 1

    def within(self, account_id: str, trial_id: str, pseudonyms: Pseudonymiser) -> Known:
        """Return what is known with the keys in force. Raises `UnavailableError` where one is not here."""
        steps = pseudonyms.two_steps(account_id, trial_id)
        known = self._known.get((account_id, trial_id))
        if known is None or known.keys != steps.keys:
            known = self._known[account_id, trial_id] = Known(account_id, steps, self.note_learnt)
        return known
