-- Requests that were refused as a whole: nothing of them was taken in.
SELECT flow, status, detail, sum(requests), toUnixTimestamp64Milli(max(received_at))
FROM pilot_deliveries FINAL
WHERE account_id = {account:String} AND status != 200
  AND received_at >= {from:DateTime64(3, 'UTC')} AND received_at < {to:DateTime64(3, 'UTC')}
GROUP BY flow, status, detail
ORDER BY 4 DESC, flow, status, detail
LIMIT {listed:UInt32}
