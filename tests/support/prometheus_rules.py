"""A role's metrics page with realistic figures, for a Prometheus under test: `python tests/support/prometheus_rules.py`."""

import sys
import threading
import time

import runtime.metrics as m
from runtime.health import Health
from runtime.ops_server import OpsServer

TOPIC, GROUPS = "pilot-events.v1", ("avenue-metrics-worker", "avenue-clickhouse-sink")


def tick() -> None:
    """Let a moment of traffic pass."""
    for account, platform in (("sunmi-main", "sunmi"), ("douyin-main", "douyin")):
        m.GATEWAY_EVENTS.labels(account, platform, "accepted", "").inc(40)
        m.GATEWAY_EVENTS.labels(account, platform, "rejected", "unknown_placement").inc()
        m.GATEWAY_REQUESTS.labels(account, "events", 200).inc(4)
        m.GATEWAY_REQUESTS.labels(account, "events", 503).inc()
        m.GATEWAY_REQUEST_SECONDS.labels("events").observe(0.012)
    m.GATEWAY_RECORDS.labels(TOPIC).inc(3)
    m.GATEWAY_PUBLISH_ERRORS.labels(TOPIC, "KafkaTimeoutError").inc()
    m.WORKER_RECORDS.inc(3)
    m.WORKER_EVENTS.labels("counted").inc(78)
    m.WORKER_ROWS.labels("cell").inc(9)
    m.WORKER_REBUILDS.labels("new").inc()
    m.WORKER_REBUILD_SECONDS.observe(0.3)
    m.WORKER_WATERMARK.labels("0").set(time.time())
    for table in ("pilot_events", "cells_live"):
        m.SINK_ROWS.labels(table).inc(80)
        m.SINK_INSERT_SECONDS.labels(table).observe(0.02)
        m.SINK_RETRIES.labels(table).inc()
    m.SINK_REJECTS.labels(TOPIC).inc()
    m.END_TO_END.observe(0.4)
    m.SETTLE_BLOCKS.labels("closed").inc(2)
    m.SETTLE_DIFFERENCES.labels("explained").inc()
    m.SETTLE_SECONDS.observe(0.1)
    m.GATEWAY_KEYS_DESTROYED.inc()
    m.GATEWAY_REPLAYS.labels("sunmi-main", "accepted").inc()
    m.GATEWAY_TURNED_AWAY.labels("sunmi-main", "events").inc()
    m.REPORT_REQUESTS.labels("/v1/trials", 200).inc()
    m.REPORT_SECONDS.labels("/v1/trials").observe(0.05)
    m.REPORT_AUDIT_LOST.inc()
    m.NOTIFICATIONS.labels("digest", "feishu", "told").inc()
    m.REGISTRY_BAD_RECORDS.labels("registry.v1").inc()


def main() -> None:
    """Serve until standard input ends."""
    for group in GROUPS:
        m.CONSUMER_LAG.labels(TOPIC, "0", group).set(7)
    m.GATEWAY_INFLIGHT_BYTES.set(1000)
    m.END_TO_END_MAX.set(0.8)
    m.REGISTRY_VERSION.set(7)
    for name in ("received", "published", "counted", "stored", "kept"):
        m.CONSERVATION_GAP.labels(name).set(0)
    health = Health()
    health.set("kafka", None)
    server = OpsServer(health, m.ROLES, host="127.0.0.1", port=0)
    server.start()
    sys.stdout.write(f"ready {server.port}\n")
    sys.stdout.flush()
    ended = threading.Event()

    def end_with_input() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=end_with_input, daemon=True).start()
    tick()
    while not ended.wait(0.2):
        tick()
    server.stop()


if __name__ == "__main__":
    main()
