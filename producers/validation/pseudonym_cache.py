"""Pseudonyms of the last minutes, by the text they stand for: a visitor's next event costs a look-up, not four hashes.

What partners send as subjects and sessions is held here in memory only, and forgotten as a whole when old or much.
"""

from typing import Protocol

import msgspec

from producers.consent.ledger import consent_key
from producers.validation.line_template import NO_PART, session_part, subject_part
from registry.pseudonyms import TwoSteps

COUNT_EVERY = 16
"""Requests; so many requests' texts may come on top."""


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


class SessionPseudonyms(msgspec.Struct, frozen=True, gc=False):
    """A session, and whom its last event was of."""

    subject: str | None
    """As sent."""
    consent_key: str
    """The subject's."""
    who: bytes
    """What both decide of a line."""
    session_part: bytes
    """What the session alone decides of it."""


class TrialPseudonyms:
    """The texts of one account within one trial. Asking for one that is not known hashes it."""

    def __init__(self, account_id: str, steps: TwoSteps) -> None:
        self.keys = steps.keys
        self.subjects = _SubjectCache(account_id, steps)
        """By subject: its consent key, and its part of the stored line."""
        self.sessions = _SessionCache(steps)
        """By session: its part of the stored line, with the subject's that it was last seen with."""

    def of_session(self, subject: str | None, session_id: str | None) -> SessionPseudonyms:
        """Return what stands for both. A session is one person's as a rule, so that its entry answers for both."""
        session = self.sessions[session_id] if session_id else _NOBODY
        # Nobody's subject is None; an empty one is stored as none is.
        if session.subject == subject or not (subject or session.subject):
            return session
        key, of_subject = self.subjects[subject] if subject else _NO_SUBJECT
        session = SessionPseudonyms(subject, key, of_subject + session.session_part, session.session_part)
        if session_id:
            self.sessions[session_id] = session
        return session

    def __len__(self) -> int:
        return len(self.subjects) + len(self.sessions)


_NO_SUBJECT = ("", NO_PART)
_NOBODY = SessionPseudonyms(None, "", NO_PART, NO_PART)


class _SubjectCache(dict[str, tuple[str, bytes]]):
    def __init__(self, account_id: str, steps: TwoSteps) -> None:
        super().__init__()
        self._account_id = account_id
        self._both = steps.both

    def __missing__(self, text: str) -> tuple[str, bytes]:
        first, second = self._both(text)
        found = self[text] = consent_key(self._account_id, first), subject_part(second)
        return found


class _SessionCache(dict[str | None, SessionPseudonyms]):
    def __init__(self, steps: TwoSteps) -> None:
        super().__init__()
        self._both = steps.both

    def __missing__(self, text: str | None) -> SessionPseudonyms:
        part = session_part(self._both(text)[1]) if text else NO_PART
        found = self[text] = SessionPseudonyms(None, "", part, part)
        return found


class PseudonymCache:
    """The known texts of all accounts and trials, for *keep_ms* at most, *max_texts* and some requests' more at most.

    Used from one event loop only. A key that was destroyed or replaced is no longer used from the next request on.
    A cache with a time for each text costs 1.9 µs a look-up, and each event has one or two; a dictionary costs 0.2 µs.
    """

    def __init__(self, *, keep_ms: int, max_texts: int) -> None:
        self._keep_ms = keep_ms
        self._max_texts = max_texts
        self._by_trial: dict[tuple[str, str], TrialPseudonyms] = {}
        self._began_ms = 0
        self._asked = 0

    def forget_old(self, now_ms: int) -> None:
        """Forget everything where it is old or much; to be called once a request."""
        self._asked += 1
        # Counting takes some microseconds, too many for each request of one event.
        much = self._asked % COUNT_EVERY == 0 and sum(map(len, self._by_trial.values())) >= self._max_texts
        if much or not 0 <= now_ms - self._began_ms < self._keep_ms:
            self._by_trial, self._began_ms = {}, now_ms

    def within(self, account_id: str, trial_id: str, pseudonyms: Pseudonymiser) -> TrialPseudonyms:
        """Return what is known with the keys in force. Raises `UnavailableError` where one is not here."""
        steps = pseudonyms.two_steps(account_id, trial_id)
        texts = self._by_trial.get((account_id, trial_id))
        if texts is None or texts.keys != steps.keys:
            texts = self._by_trial[account_id, trial_id] = TrialPseudonyms(account_id, steps)
        return texts
