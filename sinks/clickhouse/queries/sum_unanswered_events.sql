-- Stored events of requests that were never answered, up to the cut: a crash or a time-out came between.
SELECT account_id, count()
FROM pilot_events FINAL
WHERE received_at <= fromUnixTimestamp64Milli({cut_ms:Int64}, 'UTC')
    AND received_at >= fromUnixTimestamp64Milli({records_ms:Int64}, 'UTC')
    AND NOT ({% include "is_retired.sql" %})
    AND delivery_id NOT IN (SELECT delivery_id FROM pilot_deliveries)
GROUP BY account_id
