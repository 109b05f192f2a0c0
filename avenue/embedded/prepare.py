"""What a cluster needs before the roles start: master key, topics, epoch, registry, a key for the local operator."""

from datetime import UTC, datetime

from registry.apply import apply_registry
from registry.audit_note import noted_change
from registry.epochs import ensure_topics_and_epoch
from registry.hash_keys import ensure_master_key
from registry.keys import issue_key
from registry.state import KEY_PREFIX
from registry.topic import RegistryWriter
from runtime.files import write_private
from runtime.settings import Settings
from schemas.registry import Registry

OPERATOR_KEY_ID = "operator-key-id"


def prepare_cluster(settings: Settings, *, registry: Registry | None) -> str:
    """Make the cluster of *settings* ready for the roles; return a key for the operator on this machine.

    The key is new each time and takes the place of the one before it. Idempotent otherwise.
    Raises `ConfigurationError` and `UnavailableError`.
    """
    ensure_topics_and_epoch(settings)
    ensure_master_key(settings)
    if registry is not None:
        with noted_change(settings, "registry apply") as change:
            change.subject = f"version {apply_registry(settings, registry)}"
    return _operator_key(settings)


def _operator_key(settings: Settings) -> str:
    noted = settings.home / OPERATOR_KEY_ID
    issued = issue_key("operator", now=datetime.now(UTC))
    with noted_change(settings, "key issue", subject=issued.entry.id), RegistryWriter(settings) as writer:
        writer.publish_key(issued.entry)
        if noted.exists():
            writer.remove(KEY_PREFIX + noted.read_text().strip())
    write_private(noted, issued.entry.id.encode())
    return issued.secret
