-- As sum_log.sql, for what is not in the running sums yet; `closed` will never change. Places and bounds are pairs.
SELECT
    epoch, partition, account_id,
    offset < arrayElement({bounds:Array(UInt64)}, indexOf({places:Array(UInt32)}, epoch * 65536 + partition)) AS closed,
    sum(lines),
    sumIf(lines, stamped_at > fromUnixTimestamp64Milli({cut_ms:Int64}, 'UTC')),
    sumIf(
        lines,
        offset >= arrayElement({counted:Array(UInt64)}, indexOf({places:Array(UInt32)}, epoch * 65536 + partition))
    )
FROM
(
    SELECT epoch, partition, offset, account_id, lines, stamped_at
    FROM log_records FINAL
    WHERE topic = {topic:String} AND stamped_at >= fromUnixTimestamp64Milli({records_ms:Int64}, 'UTC') AND places_beyond()
)
GROUP BY epoch, partition, account_id, closed
