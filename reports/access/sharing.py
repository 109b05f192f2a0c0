"""What a share link shows, and who may give one: decided against the registry in force at every request."""

from dataclasses import dataclass

from registry.directory import Directory
from registry.retention import kept_until_ms
from reports.access.reader_access import NewShare
from reports.scope import Reader, reader_of_key, trial_seen
from reports.service import ReadService
from schemas.access import ShareEntry
from schemas.registry import AccessKey, Trial, epoch_ms
from schemas.timing import DAY_MS

SHARE_SCOPE = "share"
GIVERS = frozenset({"operator"})


@dataclass(frozen=True, slots=True)
class SharedTrial:
    """What a visitor sees: one trial, as *reader*, who sees nothing else."""

    entry: ShareEntry
    trial: Trial
    reader: Reader


def shared_trial(service: ReadService, token: str) -> SharedTrial | None:
    """Return what the link of *token* shows now, or None: unknown, over, ended, or its maker sees the trial no more."""
    entry = service.access.share_of(token, service.clock.now_ms())
    maker = None if entry is None else _maker(service, entry)
    if entry is None or maker is None:
        return None
    reader = Reader(key_id=entry.id, scope=SHARE_SCOPE, startup_id=maker.startup_id, trial_id=entry.trial_id)
    trial = trial_seen(reader, service.directory(), entry.trial_id)
    return None if trial is None else SharedTrial(entry, trial, reader)


def _maker(service: ReadService, entry: ShareEntry) -> Reader | None:
    """Return who made the link, while the key is in force: what a lost key gave away ends with it."""
    key = key_in_force(service.directory(), entry.key_id, service.clock.now_ms())
    return None if key is None else reader_of_key(key)


def key_in_force(directory: Directory, key_id: str, now_ms: int) -> AccessKey | None:
    """Return the key with that id, or None where it is unknown, expired or revoked."""
    key = next((key for key in directory.keys.values() if key.id == key_id), None)
    if key is None or key.revoked_at is not None:
        return None
    if key.expires_at is not None and epoch_ms(key.expires_at) <= now_ms:
        return None
    return key


def may_give(reader: Reader) -> bool:
    """Tell whether *reader* may show to others what it sees: a startup its own, an operator any."""
    return reader.scope in GIVERS or reader.scope.startswith("startup:")


def shares_in_force(service: ReadService, trial_id: str) -> tuple[ShareEntry, ...]:
    """Return a trial's links that open something now, the newest first."""
    found = service.access.shares_of(trial_id, service.clock.now_ms())
    return tuple(entry for entry in found if _maker(service, entry) is not None)


def make_share(service: ReadService, reader: Reader, trial: Trial, days: int) -> NewShare:
    """Make a link for *days*, at most until the maker's key ends or the trial's numbers are destroyed.

    Waits for the broker. Raises `UnavailableError` where it does not confirm.
    """
    now_ms, directory = service.clock.now_ms(), service.directory()
    ends = [now_ms + days * DAY_MS]
    key = key_in_force(directory, reader.key_id, now_ms)
    if key is not None and key.expires_at is not None:
        ends.append(epoch_ms(key.expires_at))
    if directory.registry is not None:
        ends.append(kept_until_ms(trial, directory.registry, service.settings))
    return service.access.make_share(trial.id, reader.key_id, now_ms=now_ms, until_ms=min(ends))
