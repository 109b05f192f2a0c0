-- Lines that came late, each at its position: of two that share id, trial and millisecond the store keeps the first, and
-- an id that was used again for another event could not be told from one that was sent again. Only a late line can be such
-- a one: what comes under the same id while its first is remembered is a repeat, and by then the minute is over.

-- What an event says, as its sender meant it: not when it came, by whom it came, nor the arm it was given.
ALTER TABLE pilot_events
    ADD COLUMN IF NOT EXISTS content UInt64 ALIAS sipHash64(
        toString(kind), toString(product_id), toString(placement_id), toString(outcome), subject, session_id,
        ifNull(toString(duration_ms), ''), ifNull(toString(amount_fen), ''), ifNull(toString(rating), ''),
        arraySort(JSONExtractKeysAndValuesRaw(attributes))
    );

CREATE TABLE IF NOT EXISTS late_lines
(
    account_id LowCardinality(String),
    event_id String,
    epoch UInt16,
    partition UInt16,
    offset UInt64,
    line UInt32,
    trial_id LowCardinality(String),
    kind LowCardinality(String),
    occurred_at DateTime64(3, 'UTC'),
    received_at DateTime64(3, 'UTC'),
    delivery_id String,
    content UInt64,
    is_repeat UInt8
)
ENGINE = ReplacingMergeTree(is_repeat)
PARTITION BY toYYYYMM(received_at)
ORDER BY (account_id, event_id, epoch, partition, offset, line)
SETTINGS non_replicated_deduplication_window = 10000;

-- Late by any grace there is: what came within a minute of its time was the first of its id, or remembered.
CREATE MATERIALIZED VIEW IF NOT EXISTS late_lines_from_events TO late_lines AS
SELECT
    account_id, event_id, epoch, partition, offset, line, trial_id, kind, occurred_at, received_at, delivery_id,
    content, is_repeat
FROM pilot_events
WHERE received_at > occurred_at + INTERVAL 1 MINUTE;
