-- Its kept rejects by reason and field, and how many of them are closed.
SELECT reason, field, count(), countIf(reject_id IN ({% include "closed_rejects.sql" %})), toUnixTimestamp64Milli(max(received_at))
FROM pilot_rejects FINAL
WHERE account_id = {account:String}
  AND received_at >= {from:DateTime64(3, 'UTC')} AND received_at < {to:DateTime64(3, 'UTC')}
GROUP BY reason, field
ORDER BY 3 - 4 DESC, 3 DESC, reason, field
LIMIT {listed:UInt32}
