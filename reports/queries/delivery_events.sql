-- What a delivery's accepted events were understood as, and where each stands. A repeat that another gateway took in has
-- left its first alone.
SELECT event_id, toString(kind), product_id, trial_id, placement_id, arm, outcome, attributes,
    toUnixTimestamp64Milli(occurred_at), toUnixTimestamp64Milli(inserted_at), epoch, partition, offset
FROM pilot_events FINAL
WHERE account_id = {account:String} AND delivery_id = {delivery:String}
  AND received_at = fromUnixTimestamp64Milli({received_ms:Int64}, 'UTC')
ORDER BY partition, offset, line
LIMIT {listed:UInt32}
