-- Who asked to be forgotten, by the hashes that stand for them, until no topic holds them any more; then the row goes, too.
-- `trial_id` is empty for the first step's hash, which rejects hold. Times of 1970: not done yet.
CREATE TABLE IF NOT EXISTS forgotten_subjects
(
    account_id LowCardinality(String),
    trial_id String,
    pseudonym String,
    asked_at DateTime64(3, 'UTC'),
    until DateTime64(3, 'UTC'),
    events_at DateTime64(3, 'UTC'),
    sketches_at DateTime64(3, 'UTC'),
    noted_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(noted_at)
ORDER BY (account_id, pseudonym);

-- An event whose subject or session was taken out: it counts, and the registers of its live cell do not.
ALTER TABLE pilot_events ADD COLUMN IF NOT EXISTS is_forgotten UInt8 DEFAULT 0;

-- What comes again of a forgotten subject, from a topic, by a replay or by its sender, is stored without it.
ALTER TABLE pilot_events_from_lines MODIFY QUERY
SELECT
    * EXCEPT (occurred_ms, received_ms)
        REPLACE (
            if(is_forgotten, '', subject) AS subject,
            if(is_forgotten, '', session_id) AS session_id,
            if(is_forgotten, '{}', attributes) AS attributes
        ),
    fromUnixTimestamp64Milli(occurred_ms, 'UTC') AS occurred_at,
    fromUnixTimestamp64Milli(received_ms, 'UTC') AS received_at
FROM
(
    SELECT *, toUInt8(subject != '' AND subject IN (SELECT pseudonym FROM forgotten_subjects)) AS is_forgotten
    FROM event_lines
);
