-- The newest of each reason, of those that name what is one's own.
SELECT reason, reject_id, account_id, platform, flow, field, message, event_id, payload, toUnixTimestamp64Milli(received_at)
FROM pilot_rejects FINAL
WHERE account_id IN {accounts:Array(String)}
  AND received_at >= {from:DateTime64(3, 'UTC')} AND received_at < {to:DateTime64(3, 'UTC')}
  AND cityHash64(
      account_id, about_product, about_placement, about_trial, about_match,
      arrayCount(moment -> moment <= about_ms, {moments:Array(Int64)})
  ) IN {own:Array(UInt64)}
  AND reject_id NOT IN ({% include "closed_rejects.sql" %})
ORDER BY received_at DESC, reject_id
LIMIT {samples:UInt16} BY reason
