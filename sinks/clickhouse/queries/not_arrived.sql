-- Partitions that were not read to their end since a time, and sources that the worker has not counted to there.
SELECT countIf(NOT (until >= fromUnixTimestamp64Milli({at_ms:Int64}, 'UTC') AND counted_next >= stored_next)) + (count() = 0)
FROM
(
    SELECT
        topic, partition, greatest(max(watermark_at), max(read_to_end_at)) AS until,
        if(topic = 'pilot-events.v1', max(next_offset), 0) AS stored_next
    FROM sink_sources
    WHERE topic IN ('pilot-events.v1', 'pilot-rejects.v1', 'pilot-deliveries.v1')
        AND epoch IN (SELECT max(epoch) FROM sink_sources)
    GROUP BY topic, partition
) AS stored
LEFT JOIN
(
    SELECT 'pilot-events.v1' AS topic, partition, max(next_offset) AS counted_next
    FROM worker_sources
    WHERE epoch IN (SELECT max(epoch) FROM sink_sources)
    GROUP BY partition
) AS counted ON counted.topic = stored.topic AND counted.partition = stored.partition
