"""The hash keys on `hash-keys.v1`: one random key per account and trial, wrapped with the master key.

Wrapping is AES key wrap (RFC 3394), which needs no nonce and notices a wrong master key. A tombstone destroys a key
for every reader at once, and on the brokers' disks as `registry.key_retention` says.
"""

import secrets
from collections.abc import Collection, Iterable
from typing import NamedTuple

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from pydantic import BaseModel, ConfigDict, ValidationError

from registry.log import CompactedLog, standing
from registry.master_key import KEY_BYTES, key_source, load_master_key, make_master_key, master_key_path
from registry.pseudonyms import first_step, second_step
from registry.retention import kept_until_ms
from registry.tail import TopicTail
from runtime.clock import Clock, SystemClock
from runtime.errors import ConfigurationError
from runtime.kafka import LogRecord
from runtime.logging import get_logger
from runtime.settings import Settings
from schemas.registry import Registry
from schemas.topics import Topic

log = get_logger(__name__)

ACCOUNT_PREFIX = "account:"
TRIAL_PREFIX = "trial:"
GONE_PREFIX = "gone:"
"""Records that say since when the key's account or trial is missing from the registry (`registry.key_retention`)."""
ROLL_KEY = "roll"
"""A record that only makes the broker close a segment."""


class WrappedKey(BaseModel):
    """The value of a record: the wrapped key in hex, and which master key wrapped it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    wrapped: str
    master: str
    """Eight hex digits that name the master key and say nothing else about it."""


class KeyWrap:
    """Wraps and unwraps hash keys with one master key."""

    def __init__(self, master_key: bytes, key_source: str = "the master key's file") -> None:
        self._master_key = master_key
        self._key_source = key_source
        self.master = first_step(master_key, "the name of this master key")[:8]

    def wrap(self, key: bytes) -> bytes:
        """Return the record's value for *key*."""
        wrapped = WrappedKey(wrapped=aes_key_wrap(self._master_key, key).hex(), master=self.master)
        return wrapped.model_dump_json().encode()

    def unwrap(self, value: bytes) -> bytes:
        """Return the key in a record's *value*.

        Raises `ConfigurationError` where another master key wrapped it, `ValueError` where it cannot be read.
        """
        try:
            entry = WrappedKey.model_validate_json(value)
            wrapped = bytes.fromhex(entry.wrapped)
        except (ValidationError, ValueError):
            raise ValueError("not a wrapped hash key") from None
        if entry.master != self.master:
            raise ConfigurationError(
                f"the hash keys are wrapped with master key {entry.master}, but {self._key_source} holds "
                f"{self.master}; use the file that they were wrapped with"
            )
        try:
            return aes_key_unwrap(self._master_key, wrapped)
        except InvalidUnwrap as error:
            raise ValueError("the wrapped hash key is damaged") from error


def is_hash_key(name: str) -> bool:
    """Tell whether the record *name* holds a key."""
    return name.startswith((ACCOUNT_PREFIX, TRIAL_PREFIX))


def wanted_keys(settings: Settings, registry: Registry, now_ms: int) -> list[str]:
    """Return the names of the keys that *registry* needs; none for a trial whose events are no longer kept."""
    accounts = [ACCOUNT_PREFIX + account.id for account in registry.accounts]
    kept = (trial for trial in registry.trials if kept_until_ms(trial, registry, settings) > now_ms)
    return accounts + [TRIAL_PREFIX + trial.id for trial in kept]


def ensure_hash_keys(settings: Settings, registry: Registry, *, prefix: str = "", clock: Clock | None = None) -> int:
    """Make a hash key for each account and trial of *registry* that has none; return how many were made.

    A trial whose events are no longer kept gets none: its key was destroyed.
    Safe where two processes do it at once: one key stands for both. Raises `ConfigurationError` where the master key
    is missing or is not the one that the present keys are wrapped with, `UnavailableError` where no broker answers.
    """
    wanted = wanted_keys(settings, registry, (clock or SystemClock()).now_ms())
    with CompactedLog(settings.kafka, prefix + Topic.HASH_KEYS) as topic:
        present = _present(topic)
        key_wrap = _key_wrap(settings, present.values())
        missing = {name: key_wrap.wrap(secrets.token_bytes(KEY_BYTES)) for name in wanted if name not in present}
        topic.claim(missing)
    return len(missing)


def destroy_hash_keys(settings: Settings, names: Iterable[str], *, prefix: str = "") -> None:
    """Destroy the keys *names* (`account:<id>`, `trial:<id>`): their pseudonyms can never be made again."""
    with CompactedLog(settings.kafka, prefix + Topic.HASH_KEYS) as topic:
        topic.write(dict.fromkeys(names))


def ensure_master_key(settings: Settings, *, prefix: str = "") -> None:
    """Make sure that the master key opens the hash keys that are there; embedded, make it where there are none.

    Raises `ConfigurationError` where it is missing or another one: nothing could be hashed as before, and what the
    present keys hashed could never be joined again. Raises `UnavailableError` where no broker answers.
    """
    with CompactedLog(settings.kafka, prefix + Topic.HASH_KEYS) as topic:
        _key_wrap(settings, _present(topic).values())


def _present(topic: CompactedLog) -> dict[str, bytes]:
    return {name: value for name, value in standing(topic.read()).items() if is_hash_key(name)}


def _key_wrap(settings: Settings, wrapped: Collection[bytes]) -> KeyWrap:
    path = master_key_path(settings)
    if not wrapped:
        make_master_key(settings)
    elif not path.exists():
        raise ConfigurationError(
            f"{key_source(settings)} is not there, and {len(wrapped)} hash keys are wrapped with it (master key "
            f"{', '.join(sorted(_masters(wrapped)))}): put it back from its copy. A new one would open none of them; "
            "without a copy only a new home folder helps"
        )
    key_wrap = KeyWrap(load_master_key(settings), key_source(settings))
    _check_master(key_wrap, wrapped)
    return key_wrap


def _masters(wrapped: Iterable[bytes]) -> set[str]:
    found = set()
    for value in wrapped:
        try:
            found.add(WrappedKey.model_validate_json(value).master)
        except ValidationError:
            found.add("unreadable")
    return found


def _check_master(key_wrap: KeyWrap, values: Iterable[bytes]) -> None:
    for value in values:
        try:
            key_wrap.unwrap(value)
        except ValueError as error:
            log.warning("a hash key cannot be read", cause=str(error))


class SubjectHashes(NamedTuple):
    """What stands for one subject of an account: in rejects and consent, and in the events of each trial."""

    first_step: str
    by_trial: dict[str, str]


def subject_hashes(settings: Settings, account_id: str, subject: str, *, prefix: str = "") -> SubjectHashes:
    """Return what stands for *subject* under the keys that are there; of a trial whose key is destroyed nothing does.

    Raises `ConfigurationError` where the account has no key or the master key is missing or another one, and
    `UnavailableError` where no broker answers.
    """
    with CompactedLog(settings.kafka, prefix + Topic.HASH_KEYS) as topic:
        present = _present(topic)
    if ACCOUNT_PREFIX + account_id not in present:
        raise ConfigurationError(f"account {account_id!r} has no hash key: no subject of it is known here")
    key_wrap = KeyWrap(load_master_key(settings), key_source(settings))
    keys: dict[str, bytes] = {}
    for name, value in present.items():
        try:
            keys[name] = key_wrap.unwrap(value)
        except ValueError as error:
            raise ConfigurationError(f"hash key {name} cannot be read: {error}") from error
    first = first_step(keys[ACCOUNT_PREFIX + account_id], subject)
    trials = {name.removeprefix(TRIAL_PREFIX): key for name, key in keys.items() if name.startswith(TRIAL_PREFIX)}
    return SubjectHashes(first, {trial: second_step(key, first) for trial, key in trials.items()})


class _HashKeyProjection:
    """The fold: of a name the first key stands, until a tombstone (see `CompactedLog.claim`)."""

    def __init__(self, key_wrap: KeyWrap) -> None:
        self.published: dict[str, bytes] = {}
        self.problem: str | None = None
        self._key_wrap = key_wrap
        self.reset()

    def reset(self) -> None:
        self._keys: dict[str, bytes] = {}

    def apply(self, record: LogRecord) -> None:
        name = (record.key or b"").decode()
        if name == ROLL_KEY or name.startswith(GONE_PREFIX):
            return
        if not record.value:
            self._keys.pop(name, None)
            return
        if name in self._keys:
            return
        try:
            self._keys[name] = self._key_wrap.unwrap(record.value)
        except ConfigurationError as error:
            self.problem = str(error)
            raise ValueError(str(error)) from error

    def publish(self) -> None:
        self.published = dict(self._keys)


class HashKeyFollower:
    """A thread that keeps the hash keys at hand, and forgets those that are destroyed.

    Raises `ConfigurationError` where the master key is missing or not private.
    """

    def __init__(self, settings: Settings, *, prefix: str = "") -> None:
        self._keys = _HashKeyProjection(KeyWrap(load_master_key(settings), key_source(settings)))
        self._tail = TopicTail(settings.kafka, prefix + Topic.HASH_KEYS, self._keys)

    def account_key(self, account_id: str) -> bytes | None:
        """Return the account's key, or None where there is none (yet, or any more)."""
        return self._keys.published.get(ACCOUNT_PREFIX + account_id)

    def trial_key(self, trial_id: str) -> bytes | None:
        """Return the trial's key, or None where there is none (yet, or any more)."""
        return self._keys.published.get(TRIAL_PREFIX + trial_id)

    def holds(self, name: str) -> bool:
        """Tell whether the key of the record *name* is at hand."""
        return name in self._keys.published

    def start(self, timeout_s: float) -> None:
        """Read the topic to its end, then go on in the background. Raises `UnavailableError` after *timeout_s*."""
        self._tail.start(timeout_s)

    def refuse_another_master(self) -> None:
        """Raise `ConfigurationError` where another master key wrapped the keys on the topic; stop following then."""
        if self._keys.problem is not None:
            self.stop()
            raise ConfigurationError(self._keys.problem)

    def stop(self) -> None:
        """End the thread; the keys stay at hand."""
        self._tail.stop()

    def problem(self) -> str | None:
        """Return what keeps keys from being at hand, or None: a check for `Health`."""
        return self._keys.problem or self._tail.problem()
