"""Choosing ports, with real sockets of this machine."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from avenue.embedded.ports import PortClaims, choose_port, free_port, is_free
from runtime.errors import ConfigurationError


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        yield int(holder.getsockname()[1])


def test_a_taken_port_that_nobody_insists_on_gives_way(taken: int) -> None:
    chosen = choose_port(taken)

    assert chosen != taken
    assert is_free(chosen)


def test_a_taken_port_that_was_asked_for_is_refused_with_who_asked_and_who_has_it(taken: int) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        choose_port(taken, asked_by="--port")

    assert f"port {taken}, asked for by --port, is taken by " in str(refusal.value)
    assert f"(pid {os.getpid()})" in str(refusal.value)


def test_a_free_port_is_taken_as_asked() -> None:
    port = free_port()

    assert choose_port(port, asked_by="--port") == port


def test_two_stacks_that_start_at_once_do_not_choose_the_same_port(tmp_path: Path) -> None:
    first, second, port = PortClaims(tmp_path), PortClaims(tmp_path), free_port()

    assert choose_port(port, claims=first) == port
    assert choose_port(port, claims=second) != port

    first.release()
    assert choose_port(port, claims=second) == port
    second.release()
