-- Rejects of one account that nothing has closed, as lines to replay: the oldest first, so that what an event stands on
-- goes before it.
SELECT reject_id, account_id, platform, flow, reason, field, message, event_id, payload,
    toUnixTimestamp64Milli(received_at) AS received_ms, delivery_id, `index`
FROM pilot_rejects FINAL
WHERE account_id = {account:String}
  AND ({reason:String} = '' OR reason = {reason:String}) AND ({field:String} = '' OR field = {field:String})
  AND (toUnixTimestamp64Milli(received_at), reject_id) > ({after_ms:Int64}, {after_id:String})
  AND reject_id NOT IN ({% include "closed_rejects.sql" %})
ORDER BY received_ms, reject_id
LIMIT {limit:UInt32}
