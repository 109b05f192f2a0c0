-- How many of a delivery's events each source holds, when the last of them was stored, and when the worker's word that
-- it had gone past them was; 0 before that. All its sources at once.
WITH parts AS
(
    SELECT epoch, partition, count() AS events, max(inserted_at) AS stored_at, max(offset) AS last_offset
    FROM pilot_events FINAL
    WHERE account_id = {account:String} AND delivery_id = {delivery:String}
      AND received_at = fromUnixTimestamp64Milli({received_ms:Int64}, 'UTC')
    GROUP BY epoch, partition
)
SELECT any(parts.events), toUnixTimestamp64Milli(any(parts.stored_at)),
    toUnixTimestamp64Milli(minIf(steps.counted_at, steps.next_offset > parts.last_offset))
FROM parts
LEFT JOIN
(
    SELECT epoch, partition, next_offset, counted_at FROM counted_steps
    WHERE (epoch, partition) IN (SELECT epoch, partition FROM parts)
      AND next_offset > (SELECT min(last_offset) FROM parts)
) AS steps ON steps.epoch = parts.epoch AND steps.partition = parts.partition
GROUP BY parts.epoch, parts.partition
