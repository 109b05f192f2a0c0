-- Ids under which another event came later, when nobody remembered the first: each stands at a time or trial of its own.
SELECT event_id, count(), groupArray({listed:UInt32})((delivery_id, toString(kind), occurred_ms, received_ms))
FROM (
    SELECT event_id, delivery_id, kind,
        toUnixTimestamp64Milli(occurred_at) AS occurred_ms, toUnixTimestamp64Milli(received_at) AS received_ms
    FROM pilot_events FINAL
    WHERE account_id = {account:String} AND event_id IN (
        SELECT event_id FROM pilot_events
        WHERE account_id = {account:String}
          AND received_at >= {from:DateTime64(3, 'UTC')} AND received_at < {to:DateTime64(3, 'UTC')}
    )
    ORDER BY received_ms
)
GROUP BY event_id
HAVING count() > 1
ORDER BY max(received_ms) DESC, event_id
LIMIT {listed:UInt32}
