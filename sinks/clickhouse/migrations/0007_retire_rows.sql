-- When each trial ends, as the registry said last: of trials that are gone from it too.
CREATE TABLE IF NOT EXISTS trial_ends
(
    trial_id String,
    ends_at DateTime64(3, 'UTC'),
    noted_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(noted_at)
ORDER BY trial_id;

-- What is no longer kept, and what the sums need of it. Written before any row is destroyed, the rows of one retirement
-- as one block: from then on readers leave its rows out, whether or not they are still there, and add what stands here.
-- `sort`: 'trial' and 'until' say what is retired: of the trial `scope` all before `until`, of the tables `scope` all
-- before `until`. Any other is a part of the sums, by source and account.
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
