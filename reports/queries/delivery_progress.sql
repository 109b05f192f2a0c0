-- How many of a delivery's events each source holds, when the last of them was stored, whether the worker has gone past
-- them, and when its word of that was stored; 0 where that is not known. All its sources at once.
WITH parts AS
(
    SELECT epoch, partition, count() AS events, max(inserted_at) AS stored_at, max(offset) AS last_offset
    FROM pilot_events FINAL
    WHERE account_id = {account:String} AND delivery_id = {delivery:String}
      AND received_at = fromUnixTimestamp64Milli({received_ms:Int64}, 'UTC')
    GROUP BY epoch, partition
)
SELECT any(parts.events), toUnixTimestamp64Milli(any(parts.stored_at)),
    max(sources.next_offset) > any(parts.last_offset),
    minIf(steps.counted_at, steps.next_offset > parts.last_offset) AS counted_at,
    -- The steps leave by whole days. The first that is left tells nothing of what it may not have been the first to pass.
    if(
        min(steps.next_offset) <= any(parts.last_offset)
            OR toDate(counted_at) = toDate(any(parts.stored_at)),
        toUnixTimestamp64Milli(counted_at), 0
    )
FROM parts
LEFT JOIN
(
    SELECT epoch, partition, max(next_offset) AS next_offset FROM worker_sources
    WHERE (epoch, partition) IN (SELECT epoch, partition FROM parts)
    GROUP BY epoch, partition
) AS sources ON sources.epoch = parts.epoch AND sources.partition = parts.partition
LEFT JOIN
(
    SELECT epoch, partition, next_offset, counted_at FROM counted_steps
    WHERE (epoch, partition) IN (SELECT epoch, partition FROM parts)
) AS steps ON steps.epoch = parts.epoch AND steps.partition = parts.partition
GROUP BY parts.epoch, parts.partition
