-- Every trial that has cells, with when it ends: as the registry said last, else the end of its last hour.
SELECT trial_id, max(known), max(latest)
FROM
(
    SELECT trial_id, toUnixTimestamp64Milli(ends_at) AS known, toInt64(0) AS latest FROM trial_ends FINAL
    UNION ALL
    SELECT toString(trial_id) AS trial_id, 0, (toInt64(toUnixTimestamp(max(hour))) + 3600) * 1000
    FROM cells_hourly
    GROUP BY trial_id
)
GROUP BY trial_id
