-- The least of what the newest epoch's partitions were read up to.
SELECT toUnixTimestamp64Milli(min(until))
FROM
(
    SELECT greatest(max(watermark_at), max(read_to_end_at)) AS until
    FROM sink_sources
    WHERE topic IN ('pilot-events.v1', 'pilot-rejects.v1', 'pilot-deliveries.v1')
        AND epoch IN (SELECT max(epoch) FROM sink_sources)
    GROUP BY topic, partition
)
