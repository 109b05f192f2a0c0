"""Every setting of every role: environment variables `AVENUE_<GROUP>__<NAME>` or the same in `avenue.toml`.

Each bound states its reason. Unknown names are refused: a misspelt setting must not be silently ignored.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from runtime.errors import ConfigurationError

PREFIX = "AVENUE_"
# Read before settings exist, or by tests and tools only.
OUTSIDE_SETTINGS = frozenset({"AVENUE_HOME", "AVENUE_CONFIG", "AVENUE_KEY", "AVENUE_REQUIRE_SERVICES"})
OUTSIDE_PREFIXES = ("AVENUE_TEST_", "AVENUE_BENCH_")

Port = Annotated[int, Field(ge=0, le=65_535)]
Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]


class SettingsGroup(BaseModel):
    """A group of settings: frozen, nothing unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(SettingsGroup):
    """The cluster and its clients."""

    bootstrap: str | None = Field(None, description="host:port,…; absent: the embedded broker is started")
    port: Port = Field(9092, description="where the embedded broker listens; 0 or a taken one: a free port is picked")
    heap_mb: Positive = Field(512, description="the embedded broker's Java heap")
    partitions: Annotated[int, Field(gt=0, le=1024)] = Field(
        4, description="of pilot-events and product-metrics in a new epoch; 64 in production"
    )
    replication: Positive = Field(1, description="replicas of each topic; 3 in production")
    min_insync: Positive = Field(
        1, description="replicas that must have a record before it is acknowledged; 2 in production"
    )
    max_message_bytes: Positive = Field(
        8_388_608, description="largest Kafka message; holds the largest record with room"
    )
    delivery_timeout_s: Seconds = Field(15.0, description="a record not acknowledged by then is an error to the sender")
    request_timeout_s: Seconds = Field(5.0, description="one request to a broker")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="as the cluster's listener has it; SASL_SSL across a network that others share"
    )
    sasl_mechanism: str | None = Field(None, description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; absent: no sign-in")
    sasl_username: str | None = Field(None, description="of the cluster")
    sasl_password: SecretStr | None = Field(None, description="of the cluster")
    ssl_cafile: Path | None = Field(None, description="the authority that signed the brokers; absent: the system's")


class ClickHouseSettings(SettingsGroup):
    """The store."""

    dsn: SecretStr | None = Field(
        None, description="http(s)://user:password@host:port; absent: chDB in the home folder"
    )
    database: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")] = Field(
        "avenue", description="holds our tables and views; made at the sink's first start"
    )
    max_threads: Positive = Field(2, description="per query: one query must not take the whole machine")
    max_memory_mb: Positive = Field(2048, description="per query; chDB's own default is 90 % of the machine")
    query_timeout_s: Seconds = Field(30.0, description="a reader's query is ended after this")
    event_retention_days: Positive = Field(
        365,
        description="stored events and their cells stay this long after their trial's end, and so does the trial's "
        "hash key; set alike on every role",
    )
    reject_retention_days: Positive = Field(
        90, description="kept rejects stay this long: by then a fault is mended and they are replayed"
    )
    call_retention_days: Positive = Field(
        7, description="calls kept as they were sent stay this long, as the topics do: what they are asked about is new"
    )
    record_retention_days: Positive = Field(
        400, description="what was answered, and counts of log and workers, stay this long: a year's can be compared"
    )

    @model_validator(mode="after")
    def _answers_outlast_rejects(self) -> Self:
        if self.record_retention_days < self.reject_retention_days:
            raise ValueError(
                f"AVENUE_CLICKHOUSE__RECORD_RETENTION_DAYS is {self.record_retention_days}, less than "
                f"AVENUE_CLICKHOUSE__REJECT_RETENTION_DAYS, {self.reject_retention_days}: a reject without its answer "
                "would count as unanswered"
            )
        return self


class HttpSettings(SettingsGroup):
    """Where the server listens."""

    host: str = Field("127.0.0.1", description="0.0.0.0 in a container; a proxy with TLS stands before it")
    port: Port = Field(9480, description="gateway, pages, API")
    ops_host: str = Field("127.0.0.1", description="0.0.0.0 in a container; never open to the outside: it asks no key")
    ops_port: Port = Field(9400, description="/metrics and /health")
    public_url: str | None = Field(
        None,
        description="address that users see, for links and for where forms may come from; default http://host:port",
    )
    proxies: Annotated[int, Field(ge=0, le=10)] = Field(
        0,
        description="proxies in front, each of which adds who asked it to X-Forwarded-For; 0: the header is let be",
    )
    stuck_s: Seconds = Field(
        10.0, description="the loop that takes pushes has not turned for so long: it says that it is stuck"
    )


class GatewaySettings(SettingsGroup):
    """What the gateway takes in, and how long it waits."""

    max_body_bytes: Positive = Field(8_388_608, description="unpacked; larger is 413")
    body_timeout_s: Seconds = Field(
        30.0, description="from the first byte of a request's body to its last; beyond it 408, and the connection ends"
    )
    max_events: Positive = Field(10_000, description="events of one request; more is 413")
    max_event_age_days: Annotated[int, Field(gt=0, le=400)] = Field(30, description="older is occurred_at_too_old")
    max_ahead_s: Seconds = Field(300.0, description="further ahead is occurred_at_in_future; also the protocol's lead")
    inflight_bytes: Positive = Field(
        67_108_864, description="being published; beyond it 503, since the client's buffer has no bound"
    )
    record_events: Annotated[int, Field(gt=0, le=500)] = Field(500, description="events of one Kafka record")
    record_bytes: Positive = Field(1_048_576, description="bytes of one Kafka record")
    coalesce_ms: Annotated[float, Field(ge=0, le=1000)] = Field(
        4.0, description="wait for company before a record is sent"
    )
    publish_timeout_s: Seconds = Field(
        4.0, description="native pushes but live and SPI, which get fast_publish_timeout_s"
    )
    fast_publish_timeout_s: Seconds = Field(1.5, description="live play and SPI: the platform hangs up after 2 s")
    batch_publish_timeout_s: Seconds = Field(15.0, description="batch push")
    duplicate_window_ids: Positive = Field(1_000_000, description="event ids remembered, about 100 bytes each")
    duplicate_window_hours: Positive = Field(24, description="how long an id is remembered")
    recent_texts: Positive = Field(
        100_000, description="subjects and sessions whose pseudonyms are at hand, in memory only, about 300 bytes each"
    )
    recent_minutes: Positive = Field(5, description="how long they are at hand: most visits are over by then")
    idempotency_keys: Positive = Field(10_000, description="answers kept for Idempotency-Key")
    idempotency_minutes: Positive = Field(10, description="how long they are kept")
    consent_subjects: Positive = Field(
        1_000_000, description="subjects whose consent state is held; beyond it the gateway stops"
    )
    orders: Positive = Field(
        500_000,
        description="paid orders whose amounts are at hand for refunds that name none, about 200 bytes each; so many "
        "records of orders.v1 are read at start",
    )
    order_days: Positive = Field(
        60, description="how long orders.v1 keeps an order, set when the topic is made: hardly a refund comes later"
    )
    waiting_refunds: Positive = Field(
        10_000, description="refunds without an amount that came before their order, about 2 kB each"
    )
    keys_every_s: Seconds = Field(
        600.0,
        description="hash keys past their time are looked for this often, first once the machine's clocks have gone "
        "together for as long; a destroyed one is gone from the disks within two compaction lags of its topic and this",
    )
    requests_per_s: Positive = Field(
        5_000, description="per account; beyond it 429; events a second are the account's own `rate_per_s`"
    )
    account_requests: Positive = Field(
        256, description="of one account at once; beyond it 429: what waits for its turn is held in memory"
    )
    account_share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.5, description="of inflight_bytes for the requests of one account at once; beyond it 429"
    )
    background_share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.25,
        description="of the loop's time for what stands behind live traffic (backfills, accounts in mode `slow`): "
        "worker and sink have to keep up with it too",
    )
    call_samples_per_minute: Positive = Field(
        30,
        description="calls of one account kept as they were sent, masked; a live view that a person can follow. All "
        "others leave their counts and verdicts",
    )
    call_sample_bytes: Positive = Field(
        8_192,
        description="of one kept call; what is longer leaves its head only, so that a day of one account is "
        "at most 350 MB before packing",
    )


class WorkerSettings(SettingsGroup):
    """The Faust worker. Grace, lead and slack are part of the epoch: a worker with others refuses to start."""

    grace_s: Positive = Field(120, description="how long after its minute an event still counts live")
    lead_s: Positive = Field(300, description="how far partners' clocks may be ahead")
    slack_s: Positive = Field(60, description="disorder of one source")
    flush_s: Seconds = Field(0.5, description="touched cells are sent this often")
    flush_most_s: Seconds = Field(
        2.0, description="this often at least: where many cells are open, flushes take a tenth of the time and no more"
    )
    max_ids: Positive = Field(4_000_000, description="ids held for dedupe; the worker stops rather than forget")
    max_cells: Positive = Field(500_000, description="open cells held; the worker stops rather than forget")
    instance_id: str | None = Field(
        None,
        description="a name of its own that a worker keeps over restarts, such as its pod's: it has its partitions "
        "back at once; absent: session_timeout_s later",
    )
    session_timeout_s: Seconds = Field(10.0, description="a dead worker's partitions move after this")
    heartbeat_s: Seconds = Field(3.0, description="three within a session")
    reject_share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.5, description="undecodable share of recent lines above which the worker stops and pages"
    )
    stuck_s: Seconds = Field(60.0, description="records wait and none is taken in: the worker ends, to be started anew")


class SinkSettings(SettingsGroup):
    """Topics to ClickHouse."""

    batch_rows: Positive = Field(50_000, description="an insert costs about 13 ms whatever is in it")
    batch_bytes: Positive = Field(33_554_432, description="memory of one insert")
    batch_wait_s: Seconds = Field(1.0, description="a reader sees a row this much later at most, under heavy load")
    commit_s: Seconds = Field(
        1.0, description="what no reader waits for is inserted, and offsets are committed, this often"
    )
    session_timeout_s: Seconds = Field(10.0, description="a dead sink's partitions move after this")
    drain_s: Seconds = Field(30.0, description="a stopping sink reads on to the end for so long at most")
    insert_timeout_s: Seconds = Field(60.0, description="one insert")
    stuck_s: Seconds = Field(
        75.0, description="nothing is read or stored for so long: it says that it is stuck; above insert_timeout_s"
    )
    settle_every_s: Seconds = Field(5.0, description="closed or marked blocks are looked for this often")
    settle_blocks: Positive = Field(500, description="blocks of one settlement run")
    resettle_s: Seconds = Field(20.0, description="a block that is touched again and again is settled again this often")
    roll_days: Positive = Field(
        4, description="days of products summed in one settlement run; after an update, old ones"
    )
    reroll_s: Seconds = Field(
        600.0, description="a past day that is touched again and again is summed again this often"
    )
    retire_every_s: Seconds = Field(
        600.0,
        description="what is past its retention is looked for this often, a trial at a turn; not before the machine's "
        "clocks have gone together for as long",
    )
    sums_every_s: Seconds = Field(60.0, description="the sums are taken so often, or rarer where that costs over 2 %")


class ReportSettings(SettingsGroup):
    """The read side."""

    session_hours: Positive = Field(12, description="how long a sign-in lasts")
    sign_in_failures: Positive = Field(
        10,
        description="wrong keys from one address within sign_in_window_s; beyond it 429: a person mistypes less often",
    )
    sign_in_key_failures: Positive = Field(
        30,
        description="wrong keys that begin alike, from all addresses together; above sign_in_failures, so that one "
        "address alone keeps nobody out",
    )
    sign_in_window_s: Positive = Field(300, description="wrong keys are counted for so long, and refused for the rest")
    sign_in_addresses: Positive = Field(
        10_000, description="addresses, and beginnings of keys, whose wrong keys are counted, about 300 bytes each"
    )
    ended_sessions: Positive = Field(
        20_000,
        description="sessions that were signed out and would not be over yet, about 200 bytes each; beyond it the "
        "next sign-out ends every session of its key",
    )
    share_days: Annotated[int, Field(gt=0, le=366)] = Field(
        90, description="longest life of a share link: a trial's readers change"
    )
    share_viewers: Positive = Field(
        20, description="open live connections of one share link: whoever has it takes no place of a signed-in reader's"
    )
    shares_per_trial: Positive = Field(
        20, description="share links of one trial at once: a list that a person can look over"
    )
    max_points: Positive = Field(100_000, description="points of one metrics answer")
    export_rows: Positive = Field(50_000_000, description="rows of one export")
    queries: Positive = Field(4, description="queries at once; one client a thread")
    audit_lines: Positive = Field(
        10_000,
        description="audit lines that wait for the broker, about 500 bytes each; beyond it they are counted lost",
    )
    live_every_s: Seconds = Field(1.0, description="a trial that is watched is looked up this often, for all who watch")
    ops_every_s: Seconds = Field(
        3.0,
        description="the operator's page is looked up so often, for all who look; less often where it takes over 5 %",
    )
    ops_timeout_s: Seconds = Field(
        3.0, description="store and broker each answer the operator's page by then, or it says that they do not"
    )
    smallest_group: Positive = Field(
        5, description="people of a week of whom fewer are told by no number: shares of so few say nothing"
    )
    live_viewers: Positive = Field(200, description="open live connections; each is a task and a socket")
    signing_key_file: Path | None = Field(
        None, description="signs frozen reports (Ed25519, PEM); made in the home folder when embedded"
    )
    frozen_reports: Positive = Field(
        200, description="frozen reports of one trial; each stays, about 2 MB without its extract"
    )
    extract_rows: Positive = Field(
        5_000_000, description="events of one frozen report's extract; each takes about 0.3 KB of memory meanwhile"
    )


class NotificationSettings(SettingsGroup):
    """Channels: who is told without looking."""

    every_s: Seconds = Field(300.0, description="what is to be told is looked for this often; a silence is hours long")
    start_s: Annotated[float, Field(ge=0)] = Field(
        900.0,
        description="after a start nothing is called silent for so long: partners first send what they had to keep",
    )
    silent_s: Seconds = Field(
        1800.0, description="a shorter silence of a place that is open is told to nobody, whatever its heartbeat_s"
    )
    digest_weekday: Annotated[int, Field(ge=1, le=7)] = Field(1, description="of the weekly digest; 1 is Monday")
    digest_hour: Annotated[int, Field(ge=0, le=23)] = Field(
        9, description="of the weekly digest, in Shanghai; missed, it is sent later in that week"
    )
    judge_every_s: Seconds = Field(
        3600.0, description="verdicts and guardrails are read this often; they change by the day, and cost a readout"
    )
    frozen_days: Positive = Field(7, description="an older frozen report is told to no channel, a new one included")
    timeout_s: Seconds = Field(5.0, description="one try of one message; with all tries below what a stop waits for")
    tries: Positive = Field(3, description="of a message that surely was not delivered, before it waits for pause_s")
    retry_s: Seconds = Field(1.0, description="before the second try; doubles with each that follows")
    pause_s: Seconds = Field(1800.0, description="a channel that failed is left alone for so long")
    queue: Positive = Field(
        200, description="messages of one look; the rest waits for the next, so that a mistake floods nobody"
    )
    tests_per_hour: Positive = Field(6, description="test messages of one channel, by the page or the command")


class StackSettings(SettingsGroup):
    """`avenue up`: how its children are watched."""

    backoff_s: Seconds = Field(0.5, description="before a child's first restart; doubles with each that follows")
    backoff_max_s: Seconds = Field(15.0, description="longest wait before a restart")
    restarts: Positive = Field(5, description="in a row; a child that fails more often needs a person")
    healthy_s: Seconds = Field(60.0, description="ready for so long, a child's earlier failures are forgotten")
    ready_s: Seconds = Field(120.0, description="from start to ready; the broker may have a log to recover")
    stuck_s: Seconds = Field(30.0, description="no answer, or no progress by its own word: the child is started anew")
    drain_s: Seconds = Field(30.0, description="for one child to end what it has in hand; then it is killed")
    least_free_mb: Positive = Field(
        32, description="with less room on a disk of the home folder, a child that ended is started again only later"
    )
    log_mb: Positive = Field(50, description="of one child's log file; one older file is kept")


class LogSettings(SettingsGroup):
    """Logs."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="the least that is logged")
    format: Literal["json", "text"] = Field("json", description="text for a person at a terminal")


class Settings(SettingsGroup):
    """All of them."""

    home: Path = Field(Path(".avenue"), description="the home folder: data when embedded, else little but session.key")
    profile: Literal["embedded", "production"] = Field(
        "embedded", description="production takes no demo registry and makes no master key by itself"
    )
    master_key_file: Path | None = Field(None, description="wraps the hash keys; made in the home folder when embedded")
    kafka: KafkaSettings = KafkaSettings()
    clickhouse: ClickHouseSettings = ClickHouseSettings()
    http: HttpSettings = HttpSettings()
    gateway: GatewaySettings = GatewaySettings()
    worker: WorkerSettings = WorkerSettings()
    sink: SinkSettings = SinkSettings()
    report: ReportSettings = ReportSettings()
    notification: NotificationSettings = NotificationSettings()
    stack: StackSettings = StackSettings()
    log: LogSettings = LogSettings()


def load_settings(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Return the settings of `avenue.toml` (in the working folder, or `AVENUE_CONFIG`) under those of *environ*.

    *overrides* are top-level fields, over both; a dict is merged into its group. Raises `ConfigurationError` with
    every fault and the nearest known name.
    """
    environ = os.environ if environ is None else environ
    tree = _file_tree(environ)
    for name, text in environ.items():
        if name.startswith(PREFIX) and name not in OUTSIDE_SETTINGS and not name.startswith(OUTSIDE_PREFIXES):
            _place(tree, name.removeprefix(PREFIX).lower().split("__"), text)
    if home := environ.get("AVENUE_HOME"):
        tree["home"] = home
    for name, value in overrides.items():
        if value is not None:
            tree[name] = {**tree.get(name, {}), **value} if isinstance(value, dict) else value
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise ConfigurationError("\n".join(_explain(item) for item in error.errors())) from error


def _file_tree(environ: Mapping[str, str]) -> dict[str, Any]:
    path = Path(environ.get("AVENUE_CONFIG", "avenue.toml"))
    if not path.exists():
        if "AVENUE_CONFIG" in environ:
            raise ConfigurationError(f"AVENUE_CONFIG names {path}, which does not exist")
        return {}
    try:
        return tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from error


def _place(tree: dict[str, Any], path: list[str], text: str) -> None:
    for part in path[:-1]:
        inner = tree.setdefault(part, {})
        if not isinstance(inner, dict):
            raise ConfigurationError(f"{PREFIX}{'__'.join(path).upper()}: {part} is a value, not a group")
        tree = inner
    tree[path[-1]] = text


def _explain(item: Any) -> str:
    path = [str(part) for part in item["loc"]]
    name = PREFIX + "__".join(path).upper()
    if item["type"] != "extra_forbidden":
        return f"{name}: {item['msg']} (got {type(item['input']).__name__})"
    known = known_names()
    near = difflib.get_close_matches(name, known, n=1)
    return f"{name} is no setting" + (
        f"; did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(known))}"
    )


def known_names() -> list[str]:
    """Return the environment name of every setting."""
    names: list[str] = []
    for field, info in Settings.model_fields.items():
        group = info.annotation
        if isinstance(group, type) and issubclass(group, SettingsGroup):
            names += [f"{PREFIX}{field}__{name}".upper() for name in group.model_fields]
        else:
            names.append(f"{PREFIX}{field}".upper())
    return names
