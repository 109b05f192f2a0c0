-- Metric cells: live versions from the worker, settled ones recomputed from stored events.

CREATE TABLE cells_live
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
ORDER BY (product_id, minute, trial_id, platform, placement_id, arm, kind, epoch, partition);

-- What a worker made of the lines of each account and minute of receipt.
CREATE TABLE worker_progress
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
ORDER BY (epoch, partition, received_minute, account_id);

-- How far a worker has come in each source; every cell touched before next_offset stands in cells_live.
CREATE TABLE worker_sources
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

CREATE TABLE cells_settled
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
    last_ms Int64
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(block)
ORDER BY (product_id, block, run, trial_id, platform, placement_id, arm, kind, minute);

-- One row per settlement of a block; the highest run holds. Written after its cells, so a block switches whole.
CREATE TABLE settled_blocks
(
    product_id LowCardinality(String),
    block DateTime('UTC'),
    run UInt64,
    settled_at DateTime64(3, 'UTC'),
    touched_at DateTime64(3, 'UTC'),
    cause LowCardinality(String),
    cells UInt32,
    events UInt64,
    live_events UInt64,
    late_events UInt64,
    explained UInt32,
    unexplained UInt32
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(block)
ORDER BY (product_id, block, run);

-- Where live cells and the recomputation differed, and what explains it.
CREATE TABLE settlement_differences
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

-- Settled minutes summed by the hour and by the day (Asia/Shanghai); the highest run of a period holds, whole.
CREATE TABLE cells_hourly
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
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (product_id, hour, run, trial_id, platform, placement_id, arm, kind);

CREATE TABLE rolled_hours
(
    product_id LowCardinality(String),
    hour DateTime('UTC'),
    run UInt64,
    rolled_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (product_id, hour, run);
