"""The clients that `runtime.kafka` makes, where no broker answers."""

import gc
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from runtime.errors import UnavailableError
from runtime.kafka import make_admin, make_consumer, make_producer
from runtime.settings import KafkaSettings


@pytest.fixture
def nobody() -> Iterator[KafkaSettings]:
    """Return settings for a port that refuses connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield KafkaSettings(bootstrap=f"127.0.0.1:{taken.getsockname()[1]}", request_timeout_s=0.2)
    # kafka-python leaves the sockets of refused connections to the garbage collector: here, where it is expected.
    gc.collect()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("make", [make_admin, make_consumer, make_producer])
def test_a_client_without_broker_says_what_to_do_and_leaves_no_thread(
    nobody: KafkaSettings, make: Callable[..., Any]
) -> None:
    before = set(threading.enumerate())

    with pytest.raises(UnavailableError, match="start one with `avenue up`"):
        make(nobody, client_id="test")

    assert set(threading.enumerate()) <= before
