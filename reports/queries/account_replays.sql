-- The latest replays of its rejects: who asked for each, when, and what it came to.
SELECT delivery_id, toUnixTimestamp64Milli(received_at), asked_by, flow, received, accepted, duplicate, rejected
FROM pilot_deliveries FINAL
WHERE account_id = {account:String} AND replay
ORDER BY received_at DESC, delivery_id
LIMIT {listed:UInt32}
