-- Lines of a topic's records stamped in a span.
SELECT epoch, partition, account_id, sum(lines)
FROM log_records FINAL
WHERE topic = {topic:String} AND stamped_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
    AND stamped_at < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')
GROUP BY epoch, partition, account_id
