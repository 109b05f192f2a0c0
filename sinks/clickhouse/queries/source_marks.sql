-- How far rows and cells have come in the sources of an epoch.
SELECT partition, max(stored_next), max(stored_ms), max(idle_ms), max(counted_next), max(counted_ms)
FROM
(
    SELECT
        partition, next_offset AS stored_next, toUnixTimestamp64Milli(watermark_at) AS stored_ms,
        toUnixTimestamp64Milli(read_to_end_at) AS idle_ms, 0 AS counted_next, 0 AS counted_ms
    FROM sink_sources
    WHERE topic = {topic:String} AND epoch = {epoch:UInt16}
    UNION ALL
    SELECT partition, 0, 0, 0, next_offset, watermark_ms
    FROM worker_sources
    WHERE epoch = {epoch:UInt16}
)
GROUP BY partition
