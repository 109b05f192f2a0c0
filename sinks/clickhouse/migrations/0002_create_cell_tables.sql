-- Metric cells: live versions from the worker, settled ones recomputed from stored events.

CREATE TABLE IF NOT EXISTS cells_live
(
    product_id LowCardinality(String),
    trial_id LowCardinality(String),
    platform LowCardinality(String),
    placement_id LowCardinality(String),
    arm LowCardinality(String),
    kind LowCardinality(String),
    minute_ms Int64 EPHEMERAL,
    minute DateTime('UTC') DEFAULT fromUnixTimestamp64Milli(minute_ms, 'UTC'),
    epoch UInt16,
    partition UInt16,
    version UInt64,
    events UInt64,
    failed UInt64,
    abandoned UInt64,
    duration_count UInt64,
    duration_ms_sum UInt64,
    duration_bins Array(UInt16),
    duration_counts Array(UInt64),
    amount_count UInt64,
    amount_fen_sum Int64,
    rating_count UInt64,
    rating_sum UInt64,
    subjects Array(UInt16),
    sessions Array(UInt16),
    first_ms Int64,
    last_ms Int64,
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(minute)
ORDER BY (product_id, minute, trial_id, platform, placement_id, arm, kind, epoch, partition)
SETTINGS non_replicated_deduplication_window = 10000;

-- What a worker made of the lines of each account and minute of receipt.
CREATE TABLE IF NOT EXISTS worker_progress
(
    epoch UInt16,
    partition UInt16,
    version UInt64,
    account_id LowCardinality(String),
    received_minute_ms Int64 EPHEMERAL,
    received_minute DateTime('UTC') DEFAULT fromUnixTimestamp64Milli(received_minute_ms, 'UTC'),
    counted UInt64,
    repeated UInt64,
    late UInt64,
    disordered UInt64,
    rejected UInt64,
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(received_minute)
ORDER BY (epoch, partition, received_minute, account_id)
SETTINGS non_replicated_deduplication_window = 10000;

-- How far a worker has come in each source; every cell touched before next_offset stands in cells_live.
CREATE TABLE IF NOT EXISTS worker_sources
(
    epoch UInt16,
    partition UInt16,
    version UInt64,
    next_offset UInt64,
    watermark_ms Int64,
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (epoch, partition);

-- Cells recomputed from stored events; the highest run of a cell holds. A cell that a settlement no longer finds is
-- written with zero events, so that it hides its earlier run and its live versions.
CREATE TABLE IF NOT EXISTS cells_settled
(
    product_id LowCardinality(String),
    block DateTime('UTC'),
    run UInt64,
    trial_id LowCardinality(String),
    platform LowCardinality(String),
    placement_id LowCardinality(String),
    arm LowCardinality(String),
    kind LowCardinality(String),
    minute DateTime('UTC'),
    events UInt64,
    failed UInt64,
    abandoned UInt64,
    duration_count UInt64,
    duration_ms_sum UInt64,
    duration_bins Array(UInt16),
    duration_counts Array(UInt64),
    amount_count UInt64,
    amount_fen_sum Int64,
    rating_count UInt64,
    rating_sum UInt64,
    subjects Array(UInt16),
    sessions Array(UInt16),
    first_ms Int64,
    last_ms Int64,
    -- What the comparison with the live cell found, in the statement that settles.
    late_events UInt64,
    live_events UInt64,
    differs Bool,
    -- By source and account, the events and the late ones of them.
    sources Array(Tuple(UInt16, UInt16, String, UInt64, UInt64))
)
ENGINE = ReplacingMergeTree(run)
PARTITION BY toYYYYMM(minute)
ORDER BY (product_id, minute, trial_id, platform, placement_id, arm, kind);

-- One row per settlement of a block; the highest run holds. Written after its cells: a block without its row here is
-- settled again. `rows` is what touched_blocks said before the recomputation.
CREATE TABLE IF NOT EXISTS settled_blocks
(
    product_id LowCardinality(String),
    block DateTime('UTC'),
    run UInt64,
    settled_at DateTime64(3, 'UTC'),
    rows UInt64,
    touched_at DateTime64(3, 'UTC'),
    cause LowCardinality(String),
    cells UInt32,
    events UInt64,
    live_events UInt64,
    late_events UInt64,
    explained UInt32,
    unexplained UInt32
)
ENGINE = ReplacingMergeTree(run)
PARTITION BY toYYYYMM(block)
ORDER BY (product_id, block);

-- Where live cells and the recomputation differed, and what explains it.
CREATE TABLE IF NOT EXISTS settlement_differences
(
    product_id LowCardinality(String),
    block DateTime('UTC'),
    run UInt64,
    trial_id LowCardinality(String),
    platform LowCardinality(String),
    placement_id LowCardinality(String),
    arm LowCardinality(String),
    kind LowCardinality(String),
    minute DateTime('UTC'),
    live_events UInt64,
    recomputed_events UInt64,
    explanation LowCardinality(String),
    detail String
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(block)
ORDER BY (product_id, block, run, trial_id, platform, placement_id, arm, kind, minute);

-- Settled minutes summed by the hour (a day of Asia/Shanghai is 24 of them); the highest run of a cell holds, zero
-- events hide an earlier run.
CREATE TABLE IF NOT EXISTS cells_hourly
(
    product_id LowCardinality(String),
    hour DateTime('UTC'),
    run UInt64,
    trial_id LowCardinality(String),
    platform LowCardinality(String),
    placement_id LowCardinality(String),
    arm LowCardinality(String),
    kind LowCardinality(String),
    events UInt64,
    failed UInt64,
    abandoned UInt64,
    duration_count UInt64,
    duration_ms_sum UInt64,
    duration_bins Array(UInt16),
    duration_counts Array(UInt64),
    amount_count UInt64,
    amount_fen_sum Int64,
    rating_count UInt64,
    rating_sum UInt64,
    subjects Array(UInt16),
    sessions Array(UInt16),
    first_ms Int64,
    last_ms Int64
)
ENGINE = ReplacingMergeTree(run)
PARTITION BY toYYYYMM(hour)
ORDER BY (product_id, hour, trial_id, platform, placement_id, arm, kind);

-- Hours whose blocks were all settled when they were summed.
CREATE TABLE IF NOT EXISTS rolled_hours
(
    product_id LowCardinality(String),
    hour DateTime('UTC'),
    run UInt64,
    rolled_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(run)
PARTITION BY toYYYYMM(hour)
ORDER BY (product_id, hour);
