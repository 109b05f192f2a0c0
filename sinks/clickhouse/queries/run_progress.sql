-- As sum_progress.sql, for what is not in the running sums yet; `closed` will never change. Places and bounds are pairs.
SELECT
    epoch, partition, account_id,
    toUnixTimestamp(received_minute)
        < arrayElement({bounds:Array(UInt64)}, indexOf({places:Array(UInt32)}, epoch * 65536 + partition)) AS closed,
    sum(counted), sum(repeated), sum(late), sum(disordered), sum(rejected)
FROM worker_progress FINAL
WHERE toUnixTimestamp(received_minute) >= intDiv({records_ms:Int64}, 1000) AND places_beyond()
GROUP BY epoch, partition, account_id, closed
