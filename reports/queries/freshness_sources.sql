-- The sink has stored what it has read; what it has read to the end of is complete up to then. Of all partitions at
-- once: there are few, and one answer asks it once for all its products.
SELECT 'stored', partition, max(next_offset), toUnixTimestamp64Milli(greatest(max(watermark_at), max(read_to_end_at)))
FROM sink_sources
WHERE topic = {topic:String} AND epoch = {epoch:UInt16}
GROUP BY partition
UNION ALL
SELECT 'counted', partition, max(next_offset), argMax(watermark_ms, version)
FROM worker_sources
WHERE epoch = {epoch:UInt16}
GROUP BY partition
