-- What the topics hold, row by row. Every key replaces, so a batch may be inserted any number of times.

-- Accepted events. The same event stands once: the earliest position wins.
CREATE TABLE pilot_events
(
    epoch UInt16,
    partition UInt16,
    offset UInt64,
    line UInt16,
    event_id String,
    account_id LowCardinality(String),
    platform LowCardinality(String),
    product_id LowCardinality(String),
    trial_id LowCardinality(String),
    placement_id LowCardinality(String),
    arm LowCardinality(String),
    kind LowCardinality(String),
    outcome LowCardinality(String),
    occurred_ms Int64 EPHEMERAL,
    received_ms Int64 EPHEMERAL,
    occurred_at DateTime64(3, 'UTC') DEFAULT fromUnixTimestamp64Milli(occurred_ms, 'UTC') CODEC(Delta, ZSTD),
    received_at DateTime64(3, 'UTC') DEFAULT fromUnixTimestamp64Milli(received_ms, 'UTC') CODEC(Delta, ZSTD),
    subject String,
    session_id String,
    duration_ms Nullable(UInt32),
    amount_fen Nullable(Int64),
    rating Nullable(UInt8),
    attributes String,
    delivery_id String,
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3),
    precedence UInt64 MATERIALIZED bitNot(bitOr(bitOr(bitShiftLeft(toUInt64(epoch), 57), bitShiftLeft(toUInt64(partition), 47)), bitOr(bitShiftLeft(offset, 9), toUInt64(line))))
)
ENGINE = ReplacingMergeTree(precedence)
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (trial_id, toStartOfHour(occurred_at), account_id, event_id)
SETTINGS non_replicated_deduplication_window = 10000;

-- Which blocks got events, and when last: tells settlement where to look. A maximum, so repeats do no harm.
CREATE TABLE touched_blocks
(
    product_id LowCardinality(String),
    block DateTime('UTC'),
    touched_at SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(block)
ORDER BY (product_id, block);

CREATE MATERIALIZED VIEW touched_blocks_from_events TO touched_blocks AS
SELECT product_id, toStartOfFiveMinutes(toDateTime(occurred_at, 'UTC')) AS block, max(inserted_at) AS touched_at
FROM pilot_events
GROUP BY product_id, block;

-- Kept rejects: a redelivered one is kept once, its first receipt wins.
CREATE TABLE pilot_rejects
(
    reject_id String,
    account_id LowCardinality(String),
    platform LowCardinality(String),
    flow LowCardinality(String),
    reason LowCardinality(String),
    field String,
    message String,
    event_id String,
    payload String,
    received_ms Int64 EPHEMERAL,
    received_at DateTime64(3, 'UTC') DEFAULT fromUnixTimestamp64Milli(received_ms, 'UTC'),
    delivery_id String,
    index UInt32,
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3),
    precedence UInt64 MATERIALIZED bitNot(toUInt64(toUnixTimestamp64Milli(received_at)))
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (account_id, reason, reject_id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE reject_replays
(
    reject_id String,
    replayed_at DateTime64(3, 'UTC'),
    delivery_id String,
    verdict LowCardinality(String),
    reason LowCardinality(String)
)
ENGINE = ReplacingMergeTree(replayed_at)
ORDER BY reject_id;

-- What was answered to each request.
CREATE TABLE pilot_deliveries
(
    delivery_id String,
    account_id LowCardinality(String),
    platform LowCardinality(String),
    flow LowCardinality(String),
    status UInt16,
    received UInt32,
    accepted UInt32,
    duplicate UInt32,
    rejected UInt32,
    reasons Map(LowCardinality(String), UInt32),
    body_bytes UInt32,
    received_ms Int64 EPHEMERAL,
    answered_ms Int64 EPHEMERAL,
    received_at DateTime64(3, 'UTC') DEFAULT fromUnixTimestamp64Milli(received_ms, 'UTC'),
    answered_at DateTime64(3, 'UTC') DEFAULT fromUnixTimestamp64Milli(answered_ms, 'UTC'),
    replay Bool,
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(inserted_at)
PARTITION BY toYYYYMM(received_at)
ORDER BY (account_id, delivery_id)
SETTINGS non_replicated_deduplication_window = 10000;

-- How many lines each record held, by account: the log's side of the sums.
CREATE TABLE log_records
(
    topic LowCardinality(String),
    epoch UInt16,
    partition UInt16,
    offset UInt64,
    account_id LowCardinality(String),
    lines UInt32,
    stamped_at DateTime64(3, 'UTC'),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(inserted_at)
PARTITION BY toYYYYMM(stamped_at)
ORDER BY (topic, epoch, partition, offset, account_id);

-- The registry as the topic holds it.
CREATE TABLE registry_entries
(
    sort LowCardinality(String),
    id String,
    body String,
    version UInt64,
    deleted Bool,
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (sort, id);
