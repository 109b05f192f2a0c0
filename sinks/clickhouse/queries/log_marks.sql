-- How far each source of a topic is stored, and how far workers have come in its partition.
SELECT
    epoch, partition, sources.stored_next, workers.counted_next, workers.counted_ms
FROM
(
    SELECT epoch, partition, max(next_offset) AS stored_next
    FROM sink_sources
    WHERE topic = {topic:String}
    GROUP BY epoch, partition
) AS sources
FULL OUTER JOIN
(
    SELECT epoch, partition, max(next_offset) AS counted_next, argMax(watermark_ms, version) AS counted_ms
    FROM worker_sources
    GROUP BY epoch, partition
) AS workers USING (epoch, partition)
