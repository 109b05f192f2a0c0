-- A trial's events before a moment, each once, with their place on the log, in an order that nothing leaves open.
SELECT
    epoch, partition, offset, platform, placement_id, arm, kind, outcome,
    toUnixTimestamp64Milli(occurred_at) AS occurred_ms, toUnixTimestamp64Milli(received_at) AS received_ms,
    subject, session_id, duration_ms, amount_fen, rating
FROM pilot_events FINAL
WHERE trial_id = {trial:String} AND occurred_at < {to:DateTime64(3, 'UTC')}
ORDER BY occurred_ms, account_id, event_id
