-- How many of a delivery's events are stored, when the last of them was, and the end of each source's part.
SELECT epoch, partition, count(), toUnixTimestamp64Milli(max(inserted_at)), max(offset)
FROM pilot_events FINAL
WHERE account_id = {account:String} AND delivery_id = {delivery:String}
  AND received_at = fromUnixTimestamp64Milli({received_ms:Int64}, 'UTC')
GROUP BY epoch, partition
