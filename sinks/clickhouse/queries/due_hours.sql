-- Hours whose blocks were settled after the hour was summed.
SELECT product_id, toUnixTimestamp(hour_start), last_run
FROM
(
    SELECT product_id, toStartOfHour(block) AS hour_start, max(run) AS last_run
    FROM settled_blocks
    GROUP BY product_id, hour_start
) AS settlements
LEFT JOIN
(
    SELECT product_id, hour, max(run) AS rolled_run
    FROM rolled_hours
    GROUP BY product_id, hour
) AS rolls ON rolls.product_id = settlements.product_id AND rolls.hour = settlements.hour_start
WHERE last_run > rolled_run
