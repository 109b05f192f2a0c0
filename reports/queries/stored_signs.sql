-- A trial's stored events before a moment by placement and hour, and when the last of them was.
SELECT
    placement_id, toUnixTimestamp(toStartOfHour(occurred_at)) * 1000, count(), max(toUnixTimestamp64Milli(occurred_at))
FROM pilot_events FINAL
WHERE trial_id = {trial:String} AND occurred_at < {to:DateTime64(3, 'UTC')}
GROUP BY ALL
