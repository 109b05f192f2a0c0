-- The first record after the cut of each source, of those that are not in the running sums yet.
SELECT epoch, partition, min(offset)
FROM log_records
WHERE topic = {topic:String} AND stamped_at > fromUnixTimestamp64Milli({cut_ms:Int64}, 'UTC') AND places_beyond()
GROUP BY epoch, partition
