"""The worker's whole way, in one file: read this first.

    pilot-events.v1, each record in order
      1 hand over     agent `take_in` below, to `MetricsWorker.take`
      2 restore       `MetricsWorker._restore_state`, where there is no state or records were left out (rebuild.py)
      3 decode        `steps.read_record`: events, and a reject for each line that is none
      4 measure       `steps._measure`: HyperLogLog registers and duration bins of the whole record
      5 judge         `steps._judge_events`: each event is counted, repeated, late or disordered
      6 add           `state.Cell.add`: what is counted, to its cell
    every flush_s
      7 collect       `state.take_dirty_rows`: what was touched, by `MetricsWorker.flush`
      8 pack          `outbox.row_messages`, `outbox.source_messages`, `outbox.reject_messages`
      9 send          `Topology.send` below: rows to product-metrics.v1, same partition; rejects to pilot-rejects.v1
     10 acknowledge   `MetricsWorker._flush`: once all of it is confirmed; Faust commits the source records

There is no table and no changelog: a cell is a function of the log's prefix, so after a crash the last minutes of the
log are read again (`rebuild.py`). A commit says where to go on; nothing is counted by it.
"""

import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import faust

from runtime.kafka import EMBEDDED_BOOTSTRAP, LogRecord
from runtime.settings import KafkaSettings, Settings
from schemas.topics import Topic, worker_group
from streams.outbox import OutboxMessage

MAX_UNCOMPRESSED_BATCH = 262_144
Take = Callable[[LogRecord, Callable[[], object]], Awaitable[None]]
Fail = Callable[[BaseException], None]


class SendErrors(faust.Sensor):
    """Ends the worker on a send that failed: Faust itself logs it and commits on."""

    logger = logging.getLogger("faust.sensors")  # else its start and stop stand in our log

    def __init__(self, fail: Fail) -> None:
        super().__init__()
        self._fail = fail

    def on_send_error(self, producer: Any, exc: BaseException, state: Any) -> None:  # noqa: ARG002 - Faust's signature
        """Hand the error to whoever ends the process."""
        self._fail(exc)


class WorkerApp(faust.App):
    """Faust's app without folders: there is no table to keep in them, and a killed worker would leave them behind."""

    async def on_first_start(self) -> None:
        """Make no folder."""


@dataclass(frozen=True, slots=True)
class Topology:
    """The Faust app and how rows leave it."""

    app: Any
    outlets: dict[Topic, Any]

    async def send(self, message: OutboxMessage) -> None:
        """Send *message*; return when all in-sync replicas have it. Raises what the producer raises."""
        sent = await self.outlets[message.topic].send(
            key=message.key,
            value=message.value,
            partition=message.partition,
            headers=message.headers or None,
            force=True,  # now, not attached to the source record
        )
        await sent


def make_topology(settings: Settings, take: Take, fail: Fail, *, epoch: int, prefix: str = "") -> Topology:
    """Return the app that hands every record of `pilot-events.v1` to *take*, one at a time, in order.

    The group is that of *epoch*. What *take* or a send raises goes to *fail*. *prefix* stands before every topic and
    group.
    """
    app = WorkerApp(prefix + worker_group(epoch), **app_settings(settings))
    app.sensors.add(SendErrors(fail))
    raw: dict[str, Any] = {"key_serializer": "raw", "value_serializer": "raw", "key_type": bytes, "value_type": bytes}
    source = app.topic(prefix + Topic.EVENTS, **raw)

    @app.agent(source, name="take_in", concurrency=1)
    async def take_in(stream: Any) -> None:
        # noack: Faust acknowledges a record when its turn ends, even one whose handler raised. Here the flush does it.
        async for event in stream.noack().events():
            try:
                await take(log_record_of(event.message), event.ack)
            except Exception as error:  # noqa: BLE001 - outermost of the agent; the process ends on it
                fail(error)
                return

    outlets = {topic: app.topic(prefix + topic, **raw) for topic in (Topic.METRICS, Topic.REJECTS)}
    return Topology(app, outlets)


def log_record_of(message: Any) -> LogRecord:
    """Return Faust's *message* as ours."""
    return LogRecord(
        message.topic,
        message.partition,
        message.offset,
        round(message.timestamp * 1000),  # Faust has seconds, as a float; milliseconds survive that
        message.key,
        message.value or b"",
        dict(message.headers or ()),
    )


def app_settings(settings: Settings) -> dict[str, Any]:
    """Return Faust's settings, each with its reason."""
    kafka, worker = settings.kafka, settings.worker
    return {
        "broker": [f"kafka://{address}" for address in (kafka.bootstrap or EMBEDDED_BOOTSTRAP).split(",")],
        "broker_credentials": _credentials(kafka),
        "broker_client_id": "avenue-worker",
        "consumer_group_instance_id": worker.instance_id,
        "broker_session_timeout": worker.session_timeout_s,
        "broker_heartbeat_interval": worker.heartbeat_s,
        "broker_rebalance_timeout": max(30.0, worker.session_timeout_s),
        "broker_request_timeout": max(60.0, 2 * worker.session_timeout_s),  # Faust wants it above the session's
        "broker_max_poll_records": 100,  # records hold up to 500 events
        "broker_commit_interval": 1.0,
        "consumer_max_fetch_size": kafka.max_message_bytes,
        "consumer_auto_offset_reset": "earliest",
        "stream_buffer_maxsize": 64,  # records, not events
        "stream_wait_empty": False,  # would wait for records that are held unacknowledged on purpose
        "stream_publish_on_commit": False,
        "producer_acks": -1,
        "producer_compression_type": "zstd",  # aiokafka's lz4 runs at level 9, three times slower
        "producer_linger": 0,  # a flush sends its messages at once
        "producer_max_batch_size": MAX_UNCOMPRESSED_BATCH,
        "producer_max_request_size": kafka.max_message_bytes,
        "producer_request_timeout": 60.0,  # outlives a broker's restart; Faust's default is 20 minutes
        "store": "memory://",
        "topic_allow_declare": False,  # the topics are there before the app, with their own settings
        "topic_disable_leader": True,
        "table_standby_replicas": 0,
        "web_enabled": False,
        "processing_guarantee": "at_least_once",
    }


def _credentials(kafka: KafkaSettings) -> Any:
    context = ssl.create_default_context(cafile=kafka.ssl_cafile) if kafka.security_protocol.endswith("SSL") else None
    if kafka.sasl_mechanism:
        password = kafka.sasl_password.get_secret_value() if kafka.sasl_password else None
        return faust.SASLCredentials(
            username=kafka.sasl_username, password=password, ssl_context=context, mechanism=kafka.sasl_mechanism
        )
    return faust.SSLCredentials(context) if context else None
