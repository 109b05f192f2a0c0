"""Puts a registry in force: hash keys first, then the whole registry as one record, then the proof that it is there."""

from datetime import UTC, datetime

from registry.epochs import create_missing_topics
from registry.hash_keys import ensure_hash_keys
from registry.plan_history import changed_plans
from registry.topic import RegistryWriter
from runtime.errors import ProtocolError
from runtime.settings import Settings
from schemas.registry import Registry
from schemas.topics import Topic

_TOPICS = frozenset({Topic.REGISTRY, Topic.HASH_KEYS})


def apply_registry(settings: Settings, registry: Registry, *, prefix: str = "", now: datetime | None = None) -> int:
    """Put *registry*, one without faults, in force as a whole; return its version once it was read back.

    What it changes in the plan of a trial that has begun is kept with the time, *now* or the clock's. Accounts and
    trials get their hash keys first: a gateway that meets a new account can hash at once. Applying the
    same registry again is harmless. Raises `ConfigurationError` (master key), `UnavailableError` (no broker).
    """
    create_missing_topics(settings, _TOPICS, prefix=prefix)
    ensure_hash_keys(settings, registry, prefix=prefix)
    with RegistryWriter(settings, prefix=prefix) as writer:
        plans = changed_plans(writer.read_all(), registry, now=now or datetime.now(UTC))
        version = writer.publish_registry(registry, plans)
        directory = writer.read_all()
    # A higher version is somebody else's apply, a moment later; it stands as a whole too.
    if directory.version < version or (directory.version == version and directory.registry != registry):
        raise ProtocolError(
            f"version {version} of the registry was confirmed but cannot be read back: check that no other program "
            f"writes to {Topic.REGISTRY}, then apply again"
        )
    return version
