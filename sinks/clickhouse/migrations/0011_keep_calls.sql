-- What became of each request, for its sender: beside the counts of a delivery its verdicts, the sample of calls as they
-- were sent, requests that were refused, and when the worker had counted what came.
ALTER TABLE pilot_deliveries
    ADD COLUMN IF NOT EXISTS validated_at Nullable(DateTime64(3, 'UTC')),
    -- index, verdict, event id, reason, reject id
    ADD COLUMN IF NOT EXISTS others Array(Tuple(UInt32, String, String, String, String)),
    -- A refused request has no line of its own: those alike are counted in one.
    ADD COLUMN IF NOT EXISTS requests UInt32 DEFAULT 1,
    ADD COLUMN IF NOT EXISTS detail String;

-- Requests as they may be kept, masked: JSON. Apart from the counts, since they are kept for days and not for a year.
CREATE TABLE IF NOT EXISTS pilot_calls
(
    account_id LowCardinality(String),
    delivery_id String,
    received_at DateTime64(3, 'UTC'),
    call String CODEC(ZSTD(3)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(inserted_at)
PARTITION BY toYYYYMM(received_at)
ORDER BY (account_id, delivery_id)
SETTINGS non_replicated_deduplication_window = 10000;

-- The way in: one line fills two tables. Nothing is stored here.
CREATE TABLE IF NOT EXISTS delivery_lines
(
    delivery_id String,
    account_id String,
    platform String,
    flow String,
    status UInt16,
    received UInt32,
    accepted UInt32,
    duplicate UInt32,
    rejected UInt32,
    reasons Map(String, UInt32),
    body_bytes UInt32,
    received_ms Int64,
    answered_ms Int64,
    replay Bool,
    replays Array(Tuple(String, String, String)),
    asked_by String,
    validated_ms Int64,
    others Array(Tuple(UInt32, String, String, String, String)),
    requests UInt32 DEFAULT 1,
    detail String,
    call String
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS pilot_deliveries_from_lines TO pilot_deliveries AS
SELECT
    * EXCEPT (received_ms, answered_ms, validated_ms, call),
    fromUnixTimestamp64Milli(received_ms, 'UTC') AS received_at,
    fromUnixTimestamp64Milli(answered_ms, 'UTC') AS answered_at,
    if(validated_ms = 0, NULL, fromUnixTimestamp64Milli(validated_ms, 'UTC')) AS validated_at
FROM delivery_lines;

CREATE MATERIALIZED VIEW IF NOT EXISTS pilot_calls_from_lines TO pilot_calls AS
SELECT account_id, delivery_id, fromUnixTimestamp64Milli(received_ms, 'UTC') AS received_at, call
FROM delivery_lines
WHERE call != '';

-- When each source was counted how far: `worker_sources` knows the latest only.
CREATE TABLE IF NOT EXISTS counted_steps
(
    epoch UInt16,
    partition UInt16,
    next_offset UInt64,
    counted_at SimpleAggregateFunction(min, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (epoch, partition, next_offset)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS counted_steps_from_sources TO counted_steps AS
SELECT epoch, partition, next_offset, min(inserted_at) AS counted_at
FROM worker_sources
GROUP BY epoch, partition, next_offset;
