-- Lines on a topic, by source and account; those after the cut, and those that the worker has not come to.
SELECT
    records.epoch, records.partition, account_id, sum(lines),
    sumIf(lines, stamped_at > fromUnixTimestamp64Milli({cut_ms:Int64}, 'UTC')),
    sumIf(lines, records.offset >= workers.counted_next)
FROM
(
    SELECT epoch, partition, offset, account_id, lines, stamped_at
    FROM log_records FINAL
    WHERE topic = {topic:String} AND stamped_at >= fromUnixTimestamp64Milli({records_ms:Int64}, 'UTC')
) AS records
LEFT JOIN
(
    SELECT epoch, partition, max(next_offset) AS counted_next
    FROM worker_sources
    GROUP BY epoch, partition
) AS workers ON workers.epoch = records.epoch AND workers.partition = records.partition
GROUP BY records.epoch, records.partition, account_id
