-- As sum_deliveries.sql, from a moment on; `closed` will never change.
SELECT
    account_id, received_at < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC') AS closed,
    sum(received), sum(accepted), sum(duplicate), sum(rejected),
    sumIf(accepted, answered_at > fromUnixTimestamp64Milli({cut_ms:Int64}, 'UTC')),
    sumIf(rejected, answered_at > fromUnixTimestamp64Milli({cut_ms:Int64}, 'UTC'))
FROM pilot_deliveries FINAL
WHERE received_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
GROUP BY account_id, closed
