-- When each of its flows last brought an event, whatever became of it.
SELECT flow, toUnixTimestamp64Milli(max(received_at))
FROM pilot_deliveries
WHERE account_id = {account:String} AND received > 0 AND NOT replay AND flow != 'test'
GROUP BY flow
ORDER BY flow
