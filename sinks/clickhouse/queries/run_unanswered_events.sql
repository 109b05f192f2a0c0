-- As sum_unanswered_events.sql, from a moment on; `closed` will never change. A request's answer is received at its time.
SELECT account_id, received_at < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC') AS closed, count()
FROM pilot_events FINAL
WHERE received_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
    AND received_at <= fromUnixTimestamp64Milli({cut_ms:Int64}, 'UTC')
    AND NOT ({% include "is_retired.sql" %})
    AND delivery_id NOT IN
    (
        SELECT delivery_id
        FROM pilot_deliveries
        WHERE received_at >= fromUnixTimestamp64Milli({from_ms:Int64} - {answer_ms:Int64}, 'UTC')
    )
GROUP BY account_id, closed
