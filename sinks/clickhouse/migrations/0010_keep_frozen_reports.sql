-- Reports that were frozen. A row once written is never another: its key holds the digest of what was signed.

-- One row a file of a frozen report: the signed model, and each form of it in each language. Nothing of a person.
CREATE TABLE IF NOT EXISTS frozen_reports
(
    trial_id LowCardinality(String),
    report_id String,
    file LowCardinality(String),
    as_of DateTime64(3, 'UTC'),
    frozen_at DateTime64(3, 'UTC'),
    key_id LowCardinality(String),
    extract_sha256 String,
    events UInt64,
    content String CODEC(ZSTD(6))
)
ENGINE = ReplacingMergeTree
ORDER BY (trial_id, report_id, file);

-- The extract that a frozen report stands on, in pieces: single events, so it goes with the trial's events.
CREATE TABLE IF NOT EXISTS frozen_extracts
(
    trial_id LowCardinality(String),
    report_id String,
    piece UInt32,
    starts_at DateTime64(3, 'UTC'),
    content String CODEC(NONE)
)
ENGINE = ReplacingMergeTree
ORDER BY (trial_id, report_id, piece);
