"""Access keys: made here, shown once; only a SHA-256 of each is kept.

Form: `avk_`, a letter for the scope's type, 28 random base62 characters (166 bits), and six that are the CRC-32 of all
before them. A secret scanner finds it by `avk_[asop][0-9A-Za-z]{34}` and drops false finds by the checksum.
A fast hash is enough for what cannot be guessed.
"""

import hashlib
import math
import re
import secrets
import string
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from registry.directory import Directory
from runtime.errors import ConfigurationError
from schemas.registry import AccessKey

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_CHARS = 28
_CHECK_CHARS = 6
_SHOWN_CHARS = 9
_LETTERS = {"account": "a", "startup": "s", "operator": "o", "programme": "p"}
_FORM = re.compile(rf"avk_[{''.join(_LETTERS.values())}][0-9A-Za-z]{{{_RANDOM_CHARS + _CHECK_CHARS}}}")
_DURATION = re.compile(r"([1-9][0-9]{0,5})([mhdw])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
MAX_LIFE = timedelta(days=3660)


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key: *entry* is what is kept, *secret* is shown to its owner and nowhere else."""

    entry: AccessKey
    secret: str

    def __repr__(self) -> str:
        """Leave the secret out: this may end up in a log."""
        return f"IssuedKey({self.entry.id!r})"


def issue_key(scope: str, *, now: datetime, expires_at: datetime | None = None) -> IssuedKey:
    """Make a key for *scope*, one that `check_scope` has passed."""
    body = f"avk_{_LETTERS[scope.partition(':')[0]]}" + _random_text(_RANDOM_CHARS)
    secret = body + _checksum(body)
    entry = AccessKey(
        id=f"k-{secrets.token_hex(5)}",
        scope=scope,
        sha256=hashlib.sha256(secret.encode()).hexdigest(),
        prefix=secret[:_SHOWN_CHARS],
        created_at=now,
        expires_at=expires_at,
    )
    return IssuedKey(entry, secret)


def is_well_formed(text: str) -> bool:
    """Tell whether *text* has the form and the checksum of a key: a typing error is told apart without a look-up."""
    return _FORM.fullmatch(text) is not None and _checksum(text[:-_CHECK_CHARS]) == text[-_CHECK_CHARS:]


def check_scope(scope: str, directory: Directory) -> None:
    """Raise `ConfigurationError` unless *scope* is well formed and whom it names is in the registry."""
    scope_type, _, owner = scope.partition(":")
    if scope_type in {"operator", "programme"}:
        if scope != scope_type:
            raise ConfigurationError(f"{scope_type} takes no id; write --scope {scope_type}")
        return
    if scope_type not in _LETTERS or not owner:
        raise ConfigurationError(f"{scope!r} is no scope; it is account:ID, startup:ID, operator or programme")
    registry = directory.registry
    known = (
        [entry.id for entry in (registry.accounts if scope_type == "account" else registry.startups)]
        if registry
        else []
    )
    if owner not in known:
        listed = f"; known are {', '.join(sorted(known))}" if known else "; apply a registry first"
        raise ConfigurationError(f"the registry has no {scope_type} {owner!r}{listed}")


def parse_expiry(text: str, *, now: datetime) -> datetime:
    """Return when a key with life *text* (`90d`, `12h`, `30m`, `2w`) ends. Raises `ConfigurationError`."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ConfigurationError(f"{text!r} is no duration; write 90d, 12h, 30m or 2w")
    life = int(match[1]) * _UNITS[match[2]]
    if life > MAX_LIFE:
        raise ConfigurationError(f"{text} is longer than ten years; a key that never ends is issued without --expires")
    return now + life


def state_of(key: AccessKey, *, now: datetime) -> str:
    """Return `revoked`, `expired` or `valid`."""
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "valid"


def ending_owners(keys: Iterable[AccessKey], *, now: datetime) -> dict[str, datetime]:
    """Return by scope when the last of its valid keys ends; scopes with a key that has no end are left out."""
    last: dict[str, datetime | None] = {}
    for key in keys:
        if state_of(key, now=now) != "valid":
            continue
        before = last.get(key.scope, key.expires_at)
        last[key.scope] = None if before is None or key.expires_at is None else max(before, key.expires_at)
    return {scope: end for scope, end in last.items() if end is not None}


def seconds_left(keys: Iterable[AccessKey], *, now: datetime) -> float:
    """Return in how many seconds the first scope has no valid key left; infinity where none will be."""
    ends = ending_owners(keys, now=now).values()
    return min(((end - now).total_seconds() for end in ends), default=math.inf)


def _random_text(count: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(count))


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode())
    digits = ""
    for _ in range(_CHECK_CHARS):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
