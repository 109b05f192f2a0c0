"""Writes entries of `registry.v1` and reads it to its end."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from registry.directory import Directory
from registry.key_uses import last_uses
from registry.log import CompactedLog
from registry.state import EPOCH_PREFIX, KEY_PREFIX, PLAN_PREFIX, REGISTRY_KEY, RegistryState
from runtime.logging import get_logger
from runtime.settings import Settings
from schemas.registry import AccessKey, Epoch, Registry, RegistryEntry, TrialPlan
from schemas.topics import Topic

log = get_logger(__name__)


class RegistryWriter:
    """Publishes entries; each call returns when all in-sync replicas have them, with the record's offset.

    Every call raises `UnavailableError` where the broker does not answer. *prefix* stands before the topic's name.
    """

    def __init__(self, settings: Settings, *, prefix: str = "") -> None:
        self._log = CompactedLog(settings.kafka, prefix + Topic.REGISTRY)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the clients."""
        self._log.close()

    def publish_registry(self, registry: Registry, plans: Mapping[str, TrialPlan] | None = None) -> int:
        """Put *registry* in force as a whole: one record. The offset is the directory's version.

        *plans* go before it: a change that is told and was not made is seen and mended by the next apply, one that was
        made and is not told is neither.
        """
        entries = {f"{PLAN_PREFIX}{trial}": _encode(plan) for trial, plan in (plans or {}).items()}
        return self._log.write({**entries, REGISTRY_KEY: _encode(registry)})[REGISTRY_KEY]

    def publish_key(self, key: AccessKey) -> int:
        """Put *key* (its hash) in force, or replace it, as when it is revoked."""
        return self._publish(KEY_PREFIX + key.id, key)

    def claim_epoch(self, epoch: Epoch) -> Epoch:
        """Publish *epoch* unless its number is taken; return the one that stands for it."""
        key = f"{EPOCH_PREFIX}{epoch.number}"
        return Epoch.model_validate_json(self._log.claim({key: _encode(epoch)})[key])

    def remove(self, key: str) -> int:
        """Write a tombstone for *key* (`registry:file`, `key:<id>`, `plan:<trial>` or `epoch:<n>`)."""
        return self._log.write({key: None})[key]

    def read_all(self) -> Directory:
        """Return what the topic holds up to its present end; records that cannot be read are skipped and logged."""
        state = RegistryState()
        for record in self._log.read():
            try:
                state.apply(record)
            except ValueError as error:
                log.warning("registry record skipped", offset=record.offset, cause=str(error))
        return state.directory()

    def last_uses(self) -> dict[str, int]:
        """Return the last hour (Unix ms) in which each key was used, by its id."""
        return last_uses(((record.key or b"").decode("utf-8", "replace"), record.value) for record in self._log.read())

    def _publish(self, key: str, entry: RegistryEntry) -> int:
        return self._log.write({key: _encode(entry)})[key]


def _encode(entry: RegistryEntry) -> bytes:
    return entry.model_dump_json(by_alias=True).encode()
