"""Connections of kafka-python that tell why they fail, and do not try again where the broker has said no.

By itself (3.0.12) the client tries until its time is over, and then tells nothing but that. A refused sign-in it may
not hear of: the broker hangs up after its answer, and what is received together with the end is thrown away.
"""

from collections.abc import Callable
from typing import Any

from kafka.net import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from runtime.kafka_errors import is_refusal


class FailureTrackingManager(KafkaConnectionManager):  # type: ignore[misc]  # kafka-python has no types
    """Knows the last failure of a connection in `failure`: None while they are well."""

    def __init__(self, net: Any, **configs: Any) -> None:
        super().__init__(net, **configs)
        self.failure: BaseException | None = None
        self._watched: dict[Any, Any] = {}

    def get_connection(self, node_id: Any, **options: Any) -> Any:
        """Return the connection to *node_id*; raise the refusal instead where nothing has worked yet."""
        if self.failure is not None and is_refusal(self.failure) and not self.bootstrapped:
            raise self.failure
        connection = super().get_connection(node_id, **options)
        if self._watched.get(node_id) is not connection:
            self._watched[node_id] = connection
            self._watch(connection)
        return connection

    async def _build_transport(self, node: Any, timeout_at: float | None = None) -> Any:
        transport = await super()._build_transport(node, timeout_at=timeout_at)
        transport._sock_recv = _answer_before_end(transport._sock_recv)  # noqa: SLF001 - the only place to mend it
        return transport

    def _watch(self, connection: Any) -> None:
        close = connection.close

        def noted_close(error: BaseException | None = None) -> None:
            self._note(error)
            close(error)

        connection.close = noted_close
        connection.init_future.add_errback(self._note)
        connection.close_future.add_errback(self._note)
        connection.init_future.add_callback(self._well)

    def _note(self, error: BaseException | None) -> None:
        # What follows a refusal is that the broker hangs up.
        if error is not None and (is_refusal(error) or not is_refusal(self.failure)):
            self.failure = error

    def _well(self, _: Any) -> None:
        self.failure = None


def _answer_before_end(receive: Callable[[], tuple[bytes, Any]]) -> Callable[[], tuple[bytes, Any]]:
    """Return *receive* so that what came with a connection's end is given out; the end comes with the next call."""

    def received() -> tuple[bytes, Any]:
        data, error = receive()
        return data, None if data else error

    return received


class FailureTrackingClient(KafkaNetClient):  # type: ignore[misc]  # kafka-python has no types
    """What consumers, producers and admin clients connect by."""

    def __init__(self, **configs: Any) -> None:
        net = NetworkSelector(**configs)
        super().__init__(net=net, manager=FailureTrackingManager(net, **configs))

    @property
    def failure(self) -> BaseException | None:
        """Why the last connection failed, None while they are well."""
        found: BaseException | None = self._manager.failure
        return found
