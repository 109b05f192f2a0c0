-- Whole days of Asia/Shanghai, so that a page reads a trial's past in hundreds of rows. A day is summed once its blocks
-- are settled, and anew after any of them was settled again. Readers take the rows of a day only where `rolled_days`
-- vouches for it, and the keys replace: of a day rows of an earlier run than the one that it names are of cells that
-- are no more.

-- Which days were summed, and of what: `rows` and `settled_run` are what touched_blocks and settled_blocks said before.
-- A day of which they say something else by now is out of date, and is read from its events and cells instead.
-- `sort`: 'cells' vouches for cells_daily, units_daily and places_daily; 'funnels' for funnels_daily, whose people go on
-- into the next day, so that both days' rows and runs are meant.
CREATE TABLE IF NOT EXISTS rolled_days
(
    product_id LowCardinality(String),
    sort LowCardinality(String),
    day DateTime('UTC'),
    run UInt64,
    rolled_at DateTime64(3, 'UTC'),
    rows UInt64,
    settled_run UInt64,
    unexplained UInt32
)
ENGINE = ReplacingMergeTree(run)
ORDER BY (product_id, sort, day);

-- Settled cells by the day, once for each way to split them: '' not at all, 'unit' by arm and placement. Numbers stand by
-- kind; registers, which do not add up, in rows of their own whose kind is '', and by kind where the split is 'kind'.
CREATE TABLE IF NOT EXISTS cells_daily
(
    product_id LowCardinality(String),
    trial_id LowCardinality(String),
    split LowCardinality(String),
    day DateTime('UTC'),
    platform LowCardinality(String),
    placement_id LowCardinality(String),
    arm LowCardinality(String),
    kind LowCardinality(String),
    run UInt64,
    events UInt64,
    failed UInt64,
    abandoned UInt64,
    duration_count UInt64,
    duration_ms_sum UInt64,
    duration_bins Array(UInt16),
    duration_counts Array(UInt64),
    amount_fen_sum Int64,
    rating_count UInt64,
    rating_sum UInt64,
    subjects Array(UInt16),
    sessions Array(UInt16),
    first_ms Int64,
    last_ms Int64
)
ENGINE = ReplacingMergeTree(run)
PARTITION BY toYYYYMM(day)
ORDER BY (product_id, trial_id, split, day, platform, placement_id, arm, kind)
SETTINGS index_granularity = 512;

-- Rows of the tables below are fat, and a trial has a few hundred in them: with the default of 8,192 rows a granule, each
-- question would read every trial's.

-- What is counted exactly of each arm's placement and day: durations of use.completed in order, and hashes (SipHash of
-- 128 bits, by which the engine tells texts apart anyway) of subjects and sessions.
CREATE TABLE IF NOT EXISTS units_daily
(
    product_id LowCardinality(String),
    trial_id LowCardinality(String),
    day DateTime('UTC'),
    arm LowCardinality(String),
    placement_id LowCardinality(String),
    run UInt64,
    durations Array(UInt32) CODEC(Delta, ZSTD),
    subjects Array(UInt128) CODEC(LZ4),
    sessions Array(UInt128) CODEC(LZ4)
)
ENGINE = ReplacingMergeTree(run)
PARTITION BY toYYYYMM(day)
ORDER BY (product_id, trial_id, day, arm, placement_id)
SETTINGS index_granularity = 64;

-- When a placement gave signs of life: first and last event of each minute, events of each hour, switches on and off.
CREATE TABLE IF NOT EXISTS places_daily
(
    product_id LowCardinality(String),
    trial_id LowCardinality(String),
    day DateTime('UTC'),
    placement_id LowCardinality(String),
    run UInt64,
    firsts_ms Array(Int64) CODEC(Delta, ZSTD),
    lasts_ms Array(Int64) CODEC(Delta, ZSTD),
    hours Array(DateTime('UTC')),
    hour_events Array(UInt64),
    switches_ms Array(Int64),
    switches_on Array(UInt8)
)
ENGINE = ReplacingMergeTree(run)
PARTITION BY toYYYYMM(day)
ORDER BY (product_id, trial_id, day, placement_id)
SETTINGS index_granularity = 64;

-- By arm: events of a funnel's steps on the day, and who got how far, in order and within 24 hours, of those whose
-- exposure was on the day.
CREATE TABLE IF NOT EXISTS funnels_daily
(
    product_id LowCardinality(String),
    trial_id LowCardinality(String),
    day DateTime('UTC'),
    arm LowCardinality(String),
    run UInt64,
    exposures UInt64,
    starts UInt64,
    completions UInt64,
    orders UInt64,
    reached_1 Array(UInt128) CODEC(LZ4),
    reached_2 Array(UInt128) CODEC(LZ4),
    reached_3 Array(UInt128) CODEC(LZ4),
    reached_4 Array(UInt128) CODEC(LZ4)
)
ENGINE = ReplacingMergeTree(run)
PARTITION BY toYYYYMM(day)
ORDER BY (product_id, trial_id, day, arm)
SETTINGS index_granularity = 64;

-- What a kept reject named, without its payload being read each time. Parts that were there before work it out when read.
ALTER TABLE pilot_rejects
    ADD COLUMN IF NOT EXISTS named_product LowCardinality(String) MATERIALIZED JSONExtractString(payload, 'product_id'),
    ADD COLUMN IF NOT EXISTS named_placement LowCardinality(String) MATERIALIZED JSONExtractString(payload, 'placement_id');
