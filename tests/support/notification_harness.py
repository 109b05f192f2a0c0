"""A notifier over a store, with a topic and platforms in memory, or with stand-ins that check signatures."""

from collections.abc import Collection
from dataclasses import dataclass, field

from registry.secrets import SecretResolver
from reports.notifications.delivery import Deliverer
from reports.notifications.log import FrozenReport, NotificationState
from reports.notifications.notifier import ChannelNotifier, NotifierDeps
from reports.notifications.platforms import ChannelMessage
from reports.service import ReadService
from runtime.clock import Clock
from runtime.errors import PipelineError


@dataclass
class MemoryNotificationTopic:
    """What stands on the topic; every process has its own `MemoryNotificationLog` over it."""

    claims: dict[str, object] = field(default_factory=dict)
    frozen: list[FrozenReport] = field(default_factory=list)
    read_before: bool = False
    """Whoever reads has read before anyone claimed, as processes do that look at the same moment."""


class MemoryNotificationLog:
    """The topic's twin, held to it by tests/contract/test_notification_logs.py."""

    def __init__(self, topic: MemoryNotificationTopic) -> None:
        self._topic = topic
        self._returned: set[str] = set()

    def read(self) -> NotificationState:
        told = frozenset[str]() if self._topic.read_before else frozenset(self._topic.claims)
        return NotificationState(told, tuple(self._topic.frozen))

    def claim(self, keys: Collection[str]) -> frozenset[str]:
        ours = {key for key in keys if self._topic.claims.setdefault(key, self) is self} - self._returned
        self._returned |= ours
        return frozenset(ours)

    def release(self, key: str) -> None:
        self._topic.claims.pop(key, None)
        self._returned.discard(key)

    def close(self) -> None:
        """There is nothing to let go of."""


@dataclass
class MemoryPlatforms:
    """Takes every message; *fail* is raised instead where it is set."""

    took: list[tuple[str, ChannelMessage]] = field(default_factory=list)
    fail: PipelineError | None = None
    tried: int = 0

    def __call__(self, address: str, message: ChannelMessage) -> None:
        self.tried += 1
        if self.fail is not None:
            raise self.fail
        self.took.append((address, message))

    @property
    def told(self) -> list[tuple[str, str, str]]:
        """What was told: channel, kind, trial."""
        return [(message.channel_id, message.kind, message.trial_id) for _, message in self.took]


def notifier_of(
    service: ReadService, topic: MemoryNotificationTopic, deliver: Deliverer, environ: dict[str, str], clock: Clock
) -> ChannelNotifier:
    """Return a process's notifier, as new as after a restart."""
    secrets = SecretResolver(environ, clock)
    return ChannelNotifier(NotifierDeps(service, MemoryNotificationLog(topic), secrets, deliver))
