"""The broker that is measured on: one of its own, or the one that AVENUE_BENCH_KAFKA=host:port names."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avenue.embedded.broker import Broker
from runtime.settings import KafkaSettings

READY_S = 60.0


@contextmanager
def broker() -> Iterator[KafkaSettings]:
    """Yield how to reach it; one of its own ends with the context, its data too."""
    if given := os.environ.get("AVENUE_BENCH_KAFKA"):
        yield KafkaSettings(bootstrap=given)
        return
    with tempfile.TemporaryDirectory(prefix="avenue-bench-") as folder:
        own = Broker(Path(folder) / "kafka")
        own.prepare()
        own.start()
        try:
            own.wait_ready(READY_S)
            yield own.settings()
        finally:
            own.stop()
