-- Which kept rejects were replayed, and what became of each. It comes with the replay's delivery, so that the two are
-- never one without the other.
ALTER TABLE pilot_deliveries
    ADD COLUMN IF NOT EXISTS replays Array(Tuple(String, String, String)),
    ADD COLUMN IF NOT EXISTS asked_by String;

-- Every try is a row: one that failed later does not hide one that made an event.
CREATE TABLE IF NOT EXISTS replayed_rejects
(
    reject_id String,
    delivery_id String,
    replayed_at DateTime64(3, 'UTC'),
    verdict LowCardinality(String),
    reason LowCardinality(String),
    asked_by String
)
ENGINE = ReplacingMergeTree(replayed_at)
ORDER BY (reject_id, delivery_id);

CREATE MATERIALIZED VIEW IF NOT EXISTS replayed_rejects_from_deliveries TO replayed_rejects AS
SELECT
    tupleElement(replayed, 1) AS reject_id,
    delivery_id,
    received_at AS replayed_at,
    tupleElement(replayed, 2) AS verdict,
    tupleElement(replayed, 3) AS reason,
    asked_by
FROM pilot_deliveries
ARRAY JOIN replays AS replayed;

-- One row per kept reject; `replayed_at` is when it first became an event, or was found to be one already.
CREATE OR REPLACE VIEW rejects AS
SELECT
    kept.reject_id AS reject_id,
    kept.account_id AS account_id,
    kept.platform AS platform,
    kept.flow AS flow,
    kept.reason AS reason,
    kept.field AS field,
    kept.message AS message,
    kept.payload AS payload,
    kept.received_at AS received_at,
    replays.first_at AS replayed_at
FROM pilot_rejects AS kept FINAL
LEFT JOIN
(
    SELECT reject_id, toNullable(min(replayed_at)) AS first_at
    FROM replayed_rejects
    WHERE verdict IN ('accepted', 'duplicate')
    GROUP BY reject_id
) AS replays ON replays.reject_id = kept.reject_id;

-- Nothing ever wrote to it.
DROP TABLE IF EXISTS reject_replays;
