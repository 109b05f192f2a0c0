-- Days that hold events, with about how many rows.
SELECT toUnixTimestamp(toStartOfDay(block, 'UTC')) AS day_s, sum(rows)
FROM touched_blocks
GROUP BY day_s
ORDER BY day_s
