-- What the topics hold, row by row. Every key replaces, so a batch may be inserted any number of times.
-- The sink lists the columns of each insert: EPHEMERAL ones (times in Unix ms) are read from the line and not stored.

-- Accepted events. The same event stands once: the earliest position wins. A line that the worker found to be a repeat
-- gets a second row at its position, which wins over the line and is shown to nobody.
CREATE TABLE IF NOT EXISTS pilot_events
(
    epoch UInt16,
    partition UInt16,
    offset UInt64,
    line UInt32,
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
    attributes String DEFAULT '{}',
    delivery_id String,
    is_repeat UInt8 DEFAULT 0,
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3),
    -- Higher is earlier: epoch, partition, offset and line, 16 + 16 + 64 + 31 bits, turned round; last, what the worker
    -- said of it.
    precedence UInt128 MATERIALIZED bitOr(bitShiftLeft(bitNot(bitOr(
        bitOr(bitShiftLeft(toUInt128(epoch), 111), bitShiftLeft(toUInt128(partition), 95)),
        bitOr(bitShiftLeft(toUInt128(offset), 31), toUInt128(line))
    )), 1), toUInt128(is_repeat)),
    -- The registers of subject and session in a cell, packed (index << 6 | rank); 0 where there is none. Of the first 16
    -- hex digits, big-endian: index = low 10 bits, rank = trailing zeros of the rest plus one. Worked out once, here:
    -- every settlement of the event's block reads them.
    subject_register UInt16 MATERIALIZED if(subject = '', 0, bitOr(
        bitShiftLeft(bitAnd(reinterpretAsUInt64(reverse(unhex(substring(subject, 1, 16)))) AS subject_bits, 1023), 6),
        least(bitCount(bitXor(toInt64(bitShiftRight(subject_bits, 10)) AS subject_rest, subject_rest - 1)), 55)
    )),
    session_register UInt16 MATERIALIZED if(session_id = '', 0, bitOr(
        bitShiftLeft(bitAnd(reinterpretAsUInt64(reverse(unhex(substring(session_id, 1, 16)))) AS session_bits, 1023), 6),
        least(bitCount(bitXor(toInt64(bitShiftRight(session_bits, 10)) AS session_rest, session_rest - 1)), 55)
    )),
    INDEX received received_at TYPE minmax
)
ENGINE = ReplacingMergeTree(precedence, is_repeat)
PARTITION BY toYYYYMM(occurred_at)
-- With the time in the key an id used again for another event, long after, is another row. As a number: a condition on `occurred_at` would else be held against the last column of the key, not against the hour.
ORDER BY (trial_id, toStartOfHour(occurred_at), account_id, event_id, toUnixTimestamp64Milli(occurred_at))
-- To merge a row costs what its insert does; by default small parts are merged again at once, two or three at a time.
SETTINGS non_replicated_deduplication_window = 10000, min_parts_to_merge_at_once = 10;

-- Which blocks got rows, how many and when last: tells settlement where to look. `rows` grows with every insert, a
-- repeated one too: a block whose `rows` is not what its settlement saw is settled again, which at worst is needless.
CREATE TABLE IF NOT EXISTS touched_blocks
(
    product_id LowCardinality(String),
    block DateTime('UTC'),
    rows SimpleAggregateFunction(sum, UInt64),
    touched_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    INDEX touched touched_at TYPE minmax
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(block)
ORDER BY (product_id, block)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS touched_blocks_from_events TO touched_blocks AS
SELECT
    product_id,
    toStartOfFiveMinutes(toDateTime(occurred_at, 'UTC')) AS block,
    count() AS rows,
    max(inserted_at) AS touched_at
FROM pilot_events
GROUP BY product_id, block;

-- The way in: lines as they are, every name a plain text. The engine's JSON reader takes 0.2 us to put one value into a
-- LowCardinality column; a view casts whole blocks at a fraction of that. Nothing is stored here.
CREATE TABLE IF NOT EXISTS event_lines
(
    epoch UInt16,
    partition UInt16,
    offset UInt64,
    line UInt32,
    event_id String,
    account_id String,
    platform String,
    product_id String,
    trial_id String,
    kind String,
    occurred_ms Int64,
    received_ms Int64,
    delivery_id String,
    attributes String DEFAULT '{}',
    placement_id String,
    arm String,
    outcome String,
    subject String,
    session_id String,
    duration_ms Nullable(UInt32),
    amount_fen Nullable(Int64),
    rating Nullable(UInt8),
    is_repeat UInt8
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS pilot_events_from_lines TO pilot_events AS
SELECT
    * EXCEPT (occurred_ms, received_ms),
    fromUnixTimestamp64Milli(occurred_ms, 'UTC') AS occurred_at,
    fromUnixTimestamp64Milli(received_ms, 'UTC') AS received_at
FROM event_lines;

-- Kept rejects: a redelivered one is kept once, its first receipt wins.
CREATE TABLE IF NOT EXISTS pilot_rejects
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
    `index` UInt32,
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3),
    precedence UInt64 MATERIALIZED bitNot(toUInt64(toUnixTimestamp64Milli(received_at)))
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (account_id, reason, reject_id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS reject_replays
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
CREATE TABLE IF NOT EXISTS pilot_deliveries
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
CREATE TABLE IF NOT EXISTS log_records
(
    topic LowCardinality(String),
    epoch UInt16,
    partition UInt16,
    offset UInt64,
    account_id LowCardinality(String),
    lines UInt32,
    stamped_ms Int64 EPHEMERAL,
    stamped_at DateTime64(3, 'UTC') DEFAULT fromUnixTimestamp64Milli(stamped_ms, 'UTC'),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(inserted_at)
PARTITION BY toYYYYMM(stamped_at)
ORDER BY (topic, epoch, partition, offset, account_id)
SETTINGS non_replicated_deduplication_window = 10000;

-- How far the sink has come in each partition: everything before `next_offset` stands in its table. An idle partition
-- was read to its end at `read_to_end_at`, which lets settlement go on without new records.
CREATE TABLE IF NOT EXISTS sink_sources
(
    topic LowCardinality(String),
    epoch UInt16,
    partition UInt16,
    next_offset SimpleAggregateFunction(max, UInt64),
    watermark_ms Int64 EPHEMERAL,
    read_to_end_ms Int64 EPHEMERAL,
    watermark_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')) DEFAULT fromUnixTimestamp64Milli(watermark_ms, 'UTC'),
    read_to_end_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')) DEFAULT fromUnixTimestamp64Milli(read_to_end_ms, 'UTC')
)
ENGINE = AggregatingMergeTree
ORDER BY (topic, epoch, partition);

-- The registry as the topic holds it.
CREATE TABLE IF NOT EXISTS registry_entries
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
