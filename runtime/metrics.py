"""Every metric of every role, defined once.

Names are `avenue_<role>_<noun>_<unit or total>`; labels come from closed sets.
"""

from collections.abc import Collection, Iterator, Mapping

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

ROLES = ("gateway", "worker", "sink", "reports")

_LATENCY_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

# gateway
GATEWAY_EVENTS = Counter(
    "avenue_gateway_events_total", "Events by outcome; one per event", ["account", "platform", "outcome", "reason"]
)
GATEWAY_REPLAYS = Counter(
    "avenue_gateway_replays_total", "Kept rejects judged once more, by outcome", ["account", "outcome"]
)
GATEWAY_REQUESTS = Counter(
    "avenue_gateway_requests_total",
    "Requests answered, handshakes and refused ones included; unknown accounts and flows are '-'",
    ["account", "flow", "status"],
)
GATEWAY_TURNED_AWAY = Counter(
    "avenue_gateway_turned_away_total",
    "Pushes answered 429 or the platform's own no, by why: requests or events over the account's rate, busy (too many "
    "of it at once, or no turn in time), refused (the account's mode)",
    ["account", "cause"],
)
GATEWAY_REQUEST_SECONDS = Histogram(
    "avenue_gateway_request_seconds", "Request in to answer out", ["flow"], buckets=_LATENCY_S
)
GATEWAY_INFLIGHT_BYTES = Gauge("avenue_gateway_inflight_bytes", "Bytes being published")
GATEWAY_RECORDS = Counter("avenue_gateway_records_total", "Kafka records published", ["topic"])
GATEWAY_PUBLISH_ERRORS = Counter("avenue_gateway_publish_errors_total", "Publishes that failed", ["topic", "cause"])
GATEWAY_KEYS_OVERDUE = Gauge(
    "avenue_gateway_hash_keys_overdue", "Hash keys past their time that can still be read from their topic"
)
GATEWAY_KEYS_DESTROYED = Counter("avenue_gateway_hash_keys_destroyed_total", "Hash keys destroyed at their end")
GATEWAY_DUPLICATE_WINDOW = Gauge("avenue_gateway_duplicate_window_ids", "Event ids remembered")

# worker
WORKER_EVENTS = Counter(
    "avenue_worker_events_total",
    "Lines by what was made of them: counted, repeated, late, disordered, rejected",
    ["outcome"],
)
WORKER_RECORDS = Counter("avenue_worker_records_total", "Records taken in")
WORKER_CELLS_OPEN = Gauge("avenue_worker_cells_open", "Open cells held in memory")
WORKER_IDS = Gauge("avenue_worker_ids", "Event ids held for dedupe")
WORKER_ROWS = Counter("avenue_worker_rows_total", "Rows sent to product-metrics", ["sort"])
WORKER_REBUILDS = Counter("avenue_worker_rebuilds_total", "Sources rebuilt from the log", ["cause"])
WORKER_REBUILD_SECONDS = Histogram(
    "avenue_worker_rebuild_seconds", "One rebuild", buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
)
WORKER_WATERMARK = Gauge(
    "avenue_worker_watermark_seconds", "Highest received_at of a source, Unix seconds", ["partition"]
)
WORKER_PROGRESS_AGE = Gauge(
    "avenue_worker_progress_age_seconds", "Since a waiting record was last taken in; 0 when none waits"
)

# sink
SINK_ROWS = Counter("avenue_sink_rows_total", "Rows inserted", ["table"])
SINK_INSERT_SECONDS = Histogram("avenue_sink_insert_seconds", "One insert", ["table"], buckets=_LATENCY_S)
SINK_RETRIES = Counter("avenue_sink_retries_total", "Inserts tried again", ["table"])
SINK_REJECTS = Counter("avenue_sink_rejects_total", "Foreign lines that could not be stored", ["topic"])
SINK_RETENTION_OVERDUE = Gauge(
    "avenue_sink_retention_overdue_seconds",
    "For how long stored events, rejects or records have been past their retention; 0 when none are",
)
CONSUMER_LAG = Gauge(
    "avenue_consumer_lag_records",
    "Records between where a group is and the end, by the broker's word",
    ["topic", "partition", "group"],
)
END_TO_END = Histogram(
    "avenue_end_to_end_seconds", "Received by the gateway to visible in ClickHouse", buckets=_LATENCY_S
)
END_TO_END_MAX = Gauge("avenue_end_to_end_max_seconds", "Longest of the last minute")
SETTLE_BLOCKS = Counter("avenue_settle_blocks_total", "Blocks settled, by why", ["cause"])
SETTLE_DIFFERENCES = Counter(
    "avenue_settle_differences_total", "Live cells that were not what their events come to", ["explanation"]
)
SETTLE_SECONDS = Histogram("avenue_settle_run_seconds", "One settlement run", buckets=_LATENCY_S)
SETTLE_PENDING = Gauge("avenue_settle_pending_blocks", "Closed or marked blocks that wait")
RECONCILE_DIFFERENCE = Gauge(
    "avenue_reconcile_difference", "Unexplained differences between cells and stored events, standing"
)
STORE_FREE = Gauge(
    "avenue_sink_store_free_ratio", "Share of the store's disk that is free, by the store's own word", ["disk"]
)
CONSERVATION_GAP = Gauge("avenue_conservation_gap_lines", "Left side less right side of a sum", ["sum"])

# reports
REPORT_REQUESTS = Counter("avenue_reports_requests_total", "Read requests", ["route", "status"])
REPORT_SECONDS = Histogram("avenue_reports_request_seconds", "Read request", ["route"], buckets=_LATENCY_S)
REPORT_AUDIT_LOST = Counter("avenue_reports_audit_lost_total", "Audit lines that the broker did not take in time")

NOTIFICATIONS = Counter(
    "avenue_reports_notifications_total",
    "Messages to channels, by what they tell, where to, and what came of it: told, failed, unknown",
    ["kind", "platform", "outcome"],
)
CHANNELS_FAILING = Gauge("avenue_reports_channels_failing", "Channels whose last message did not arrive")

PLACEMENTS_SILENT = Gauge(
    "avenue_reports_placements_silent",
    "Placements that are due now and have sent nothing for longer than they may, by running trial",
    ["trial"],
)

# every role
READY = Gauge("avenue_role_ready", "1 when every dependency of a role is ready", ["dependency"])
ROLE_CLOCK = Gauge("avenue_role_clock_seconds", "What this host's clock says, Unix seconds")
ROLE_MEMORY_LIMIT = Gauge(
    "avenue_role_memory_limit_bytes", "What the process may take: its container's limit, else the machine's memory"
)
REGISTRY_VERSION = Gauge("avenue_registry_version", "Offset of the registry in force")
KEYS_END = Gauge(
    "avenue_registry_keys_end_seconds",
    "Until the first account, startup or role has no valid access key left; +Inf where no key ends",
)
REGISTRY_BAD_RECORDS = Counter(
    "avenue_registry_bad_records_total", "Records of a compacted topic that were skipped as unreadable", ["topic"]
)

EXPORTED_BY: Mapping[str, tuple[str, ...]] = {
    "avenue_gateway_": ("gateway",),
    "avenue_worker_": ("worker",),
    "avenue_sink_": ("sink",),
    "avenue_end_to_end_": ("sink",),
    "avenue_settle_": ("sink",),
    "avenue_reconcile_": ("sink",),
    "avenue_conservation_": ("sink",),
    "avenue_consumer_": ("worker", "sink"),
    "avenue_reports_": ("reports",),
    "avenue_registry_": ("gateway", "sink", "reports"),
    "avenue_role_": ROLES,
}
"""Which roles have the metrics that begin so. Another role's page leaves them out: a gauge that nobody sets says 0, and
an alert takes it for a figure."""


def exported(name: str, roles: Collection[str]) -> bool:
    """Tell whether a process with *roles* exports the metric *name*; what is not ours (memory, files) all do."""
    if not name.startswith("avenue_"):
        return True
    return any(name.startswith(prefix) and set(having) & set(roles) for prefix, having in EXPORTED_BY.items())


class _RoleMetricsCollector(Collector):
    """The process's metrics, as far as *roles* have them."""

    def __init__(self, roles: Collection[str]) -> None:
        self._roles = frozenset(roles)

    def collect(self) -> Iterator[Metric]:
        return (family for family in REGISTRY.collect() if exported(family.name, self._roles))


def registry_of(roles: Collection[str]) -> CollectorRegistry:
    """Return what a process with *roles* exports."""
    registry = CollectorRegistry()
    registry.register(_RoleMetricsCollector(roles))
    return registry
