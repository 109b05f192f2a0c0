-- Kept rejects of requests, by account; lines that the gateway did not write stand apart.
SELECT account_id, count()
FROM pilot_rejects FINAL
WHERE flow != {foreign:String} AND received_at >= fromUnixTimestamp64Milli({rejects_ms:Int64}, 'UTC')
GROUP BY account_id
