"""The cluster while no role runs: the one that is set, or the home folder's broker, started for the purpose."""

from collections.abc import Iterator
from contextlib import contextmanager

from avenue.embedded.broker import Broker
from avenue.embedded.home import HomeFolder
from avenue.embedded.supervisor import Say
from runtime.settings import Settings


@contextmanager
def offline_cluster(settings: Settings, *, say: Say) -> Iterator[Settings]:
    """Give *settings* with a cluster that answers. Embedded: owns the home folder meanwhile, so that no stack runs.

    Raises `ConfigurationError` where `avenue up` runs on it, `UnavailableError` where the broker does not start.
    """
    kafka = settings.kafka
    if kafka.bootstrap is not None:
        yield settings
        return
    home = HomeFolder(settings.home)
    home.open()
    try:
        home.end_orphans()
        broker = Broker(home.path / "kafka", heap_mb=kafka.heap_mb)
        broker.prepare(say)
        broker.start()
        try:
            broker.wait_ready(settings.stack.ready_s)
            yield settings.model_copy(update={"kafka": kafka.model_copy(update={"bootstrap": broker.bootstrap})})
        finally:
            broker.stop()
    finally:
        home.close()
