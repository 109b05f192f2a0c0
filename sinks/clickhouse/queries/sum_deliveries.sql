-- What was answered, by account; the last columns: answered after the cut.
SELECT
    account_id, sum(received), sum(accepted), sum(duplicate), sum(rejected),
    sumIf(accepted, answered_at > fromUnixTimestamp64Milli({cut_ms:Int64}, 'UTC')),
    sumIf(rejected, answered_at > fromUnixTimestamp64Milli({cut_ms:Int64}, 'UTC'))
FROM pilot_deliveries FINAL
WHERE received_at >= fromUnixTimestamp64Milli({records_ms:Int64}, 'UTC')
GROUP BY account_id
