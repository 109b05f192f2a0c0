-- Each product's events of late, and when one last came. A row that a merge will drop makes no event younger.
SELECT product_id, sum(events), max(last_ms)
FROM
(
    SELECT product_id, count() AS events, toInt64(0) AS last_ms
    FROM pilot_events FINAL
    WHERE received_at >= {from:DateTime64(3, 'UTC')}
    GROUP BY product_id
    UNION ALL
    SELECT product_id, toUInt64(0), toUnixTimestamp64Milli(max(received_at))
    FROM pilot_events
    WHERE received_at >= {week:DateTime64(3, 'UTC')}
    GROUP BY product_id
)
GROUP BY product_id
