-- When each account last brought an event. Which of two versions of a row is read makes no difference.
SELECT account_id, toUnixTimestamp64Milli(max(received_at))
FROM pilot_deliveries
WHERE received > 0 AND NOT replay AND flow != 'test' AND received_at >= {week:DateTime64(3, 'UTC')}
GROUP BY account_id
