-- Kept rejects of requests that were never answered, up to the cut.
SELECT account_id, count()
FROM pilot_rejects FINAL
WHERE flow != {foreign:String} AND received_at <= fromUnixTimestamp64Milli({cut_ms:Int64}, 'UTC')
    AND received_at >= fromUnixTimestamp64Milli({rejects_ms:Int64}, 'UTC')
    AND delivery_id NOT IN (SELECT delivery_id FROM pilot_deliveries)
GROUP BY account_id
