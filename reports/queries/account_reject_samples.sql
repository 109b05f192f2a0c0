-- The newest of each reason and field, open ones first, with what closed them.
SELECT reason, field, reject_id, flow, message, event_id, payload, received_ms, kept.delivery_id,
    closings.closing, closings.closed_by, closings.closed_ms
FROM (
    SELECT reason, field, reject_id, flow, message, event_id, payload, delivery_id,
        toUnixTimestamp64Milli(received_at) AS received_ms
    FROM pilot_rejects FINAL
    WHERE account_id = {account:String}
      AND received_at >= {from:DateTime64(3, 'UTC')} AND received_at < {to:DateTime64(3, 'UTC')}
    ORDER BY reject_id IN ({% include "closed_rejects.sql" %}), received_at DESC, reject_id
    LIMIT {samples:UInt16} BY reason, field
) AS kept
LEFT JOIN (
    SELECT r.reject_id AS reject_id, argMin(r.verdict, (r.replayed_at, r.verdict)) AS closing,
        argMin(r.delivery_id, (r.replayed_at, r.verdict)) AS closed_by,
        toUnixTimestamp64Milli(min(r.replayed_at)) AS closed_ms
    FROM replayed_rejects AS r
    WHERE r.verdict IN ('accepted', 'duplicate', 'corrected')
    GROUP BY r.reject_id
) AS closings ON closings.reject_id = kept.reject_id
ORDER BY reason, field, closed_ms != 0, received_ms DESC, reject_id
