-- Columns that say what a row is were called `sort`, and stood in sorting keys, where a column cannot be renamed. So the
-- rows go over into tables with the columns' new names, and these get names of their own: only then does every statement
-- mean the same however often it is run, whoever else runs it, and wherever it was cut short.
-- Of each table: make the new one; have rows of a process of yesterday's version, which still runs, copied as they come;
-- copy what is there (keys replace, so a second copy changes nothing); end the old one. The old one is made first where it
-- is gone already, so that a file that was cut short after its end is continued by running it again.

-- The registry as its topic holds it; `entry_type` is what its key begins with: 'registry', 'epoch', 'key'.
CREATE TABLE IF NOT EXISTS registry_records
(
    entry_type LowCardinality(String),
    id String,
    body String,
    version UInt64,
    deleted Bool,
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (entry_type, id);

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

CREATE MATERIALIZED VIEW IF NOT EXISTS registry_records_from_entries TO registry_records AS
SELECT sort AS entry_type, id, body, version, deleted, inserted_at FROM registry_entries;

INSERT INTO registry_records (entry_type, id, body, version, deleted, inserted_at)
SELECT sort, id, body, version, deleted, inserted_at FROM registry_entries;

DROP TABLE IF EXISTS registry_entries;

DROP VIEW IF EXISTS registry_records_from_entries;

-- Which days were summed, and of what, as 0004 says of `rolled_days`; `rollup`: 'cells' or 'funnels'.
CREATE TABLE IF NOT EXISTS daily_rollups
(
    product_id LowCardinality(String),
    rollup LowCardinality(String),
    day DateTime('UTC'),
    run UInt64,
    rolled_at DateTime64(3, 'UTC'),
    rows UInt64,
    settled_run UInt64,
    unexplained UInt32
)
ENGINE = ReplacingMergeTree(run)
ORDER BY (product_id, rollup, day);

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

CREATE MATERIALIZED VIEW IF NOT EXISTS daily_rollups_from_days TO daily_rollups AS
SELECT product_id, sort AS rollup, day, run, rolled_at, rows, settled_run, unexplained FROM rolled_days;

INSERT INTO daily_rollups (product_id, rollup, day, run, rolled_at, rows, settled_run, unexplained)
SELECT product_id, sort, day, run, rolled_at, rows, settled_run, unexplained FROM rolled_days;

DROP TABLE IF EXISTS rolled_days;

DROP VIEW IF EXISTS daily_rollups_from_days;

-- What is no longer kept, and what the sums need of it, as 0007 says of `retired`; `entry_type`: 'trial' and 'until' say
-- what is retired, any other names the figure that the row is a part of.
CREATE TABLE IF NOT EXISTS retirements
(
    entry_type LowCardinality(String),
    scope String,
    until DateTime64(3, 'UTC'),
    epoch UInt16,
    partition UInt16,
    account_id String,
    numbers Array(Int64),
    retired_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(retired_at)
ORDER BY (entry_type, scope, until, epoch, partition, account_id);

CREATE TABLE IF NOT EXISTS retired
(
    sort LowCardinality(String),
    scope String,
    until DateTime64(3, 'UTC'),
    epoch UInt16,
    partition UInt16,
    account_id String,
    numbers Array(Int64),
    retired_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(retired_at)
ORDER BY (sort, scope, until, epoch, partition, account_id);

CREATE MATERIALIZED VIEW IF NOT EXISTS retirements_from_retired TO retirements AS
SELECT sort AS entry_type, scope, until, epoch, partition, account_id, numbers, retired_at FROM retired;

INSERT INTO retirements (entry_type, scope, until, epoch, partition, account_id, numbers, retired_at)
SELECT sort, scope, until, epoch, partition, account_id, numbers, retired_at FROM retired;

DROP TABLE IF EXISTS retired;

DROP VIEW IF EXISTS retirements_from_retired;
