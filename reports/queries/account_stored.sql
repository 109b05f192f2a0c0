-- Its events that readers see, and how their times stand to ours, in both periods.
SELECT
    received_at >= {from:DateTime64(3, 'UTC')} AS now,
    count(), countIf({% include "is_late.sql" %}),
    quantilesExact(0.5, 0.95, 1)(received_ms - occurred_ms), countIf(occurred_ms > received_ms),
    max(occurred_ms - received_ms)
FROM (
    SELECT epoch, received_at, occurred_at,
        toUnixTimestamp64Milli(received_at) AS received_ms, toUnixTimestamp64Milli(occurred_at) AS occurred_ms
    FROM pilot_events FINAL
    WHERE account_id = {account:String}
      -- Test events are told by their delivery, and are no part of what the account sends.
      AND delivery_id NOT IN (SELECT delivery_id FROM pilot_deliveries WHERE account_id = {account:String} AND flow = 'test')
      AND received_at >= {before:DateTime64(3, 'UTC')} AND received_at < {to:DateTime64(3, 'UTC')}
)
GROUP BY now
