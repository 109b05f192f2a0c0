-- One row per kept reject; `replayed_at` is when a replay first made an event of it, or found one; `closed_at` likewise, or
-- when its sender's corrected event came under the same id, and `closed_by` is the delivery that brought it.
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
    closings.first_replay AS replayed_at,
    closings.first_at AS closed_at,
    closings.first_by AS closed_by
FROM pilot_rejects AS kept FINAL
LEFT JOIN
(
    SELECT
        reject_id,
        minIf(toNullable(r.replayed_at), verdict != 'corrected') AS first_replay,
        toNullable(min(r.replayed_at)) AS first_at,
        argMin(delivery_id, (r.replayed_at, verdict)) AS first_by
    FROM replayed_rejects AS r
    WHERE verdict IN ('accepted', 'duplicate', 'corrected')
    GROUP BY reject_id
) AS closings ON closings.reject_id = kept.reject_id;
