-- Stored events of the chosen days, each once.
SELECT
    product_id, trial_id, toDateTime(toStartOfDay(occurred_at, 'Asia/Shanghai'), 'UTC') AS day_start,
    placement_id, arm, kind, outcome, occurred_at, subject, session_id, duration_ms
FROM pilot_events FINAL
WHERE product_id IN {products:Array(String)}
    AND occurred_at >= fromUnixTimestamp64Milli(toInt64({from_s:UInt32}) * 1000, 'UTC')
    AND occurred_at < fromUnixTimestamp64Milli(toInt64({until_s:UInt32}) * 1000, 'UTC')
