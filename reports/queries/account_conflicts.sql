-- Ids under which another event came later, when nobody remembered the first: each stands at a time or trial of its own,
-- or came late at the same, with other content, and the first stands.
WITH ids AS
(
    SELECT event_id FROM pilot_events
    WHERE account_id = {account:String}
      AND received_at >= {from:DateTime64(3, 'UTC')} AND received_at < {to:DateTime64(3, 'UTC')}
    UNION DISTINCT
    SELECT event_id FROM late_lines
    WHERE account_id = {account:String}
      AND received_at >= {from:DateTime64(3, 'UTC')} AND received_at < {to:DateTime64(3, 'UTC')}
),
standing AS
(
    SELECT event_id, trial_id, occurred_at, received_at, kind, delivery_id, content
    FROM pilot_events FINAL
    WHERE account_id = {account:String} AND event_id IN (ids)
)
SELECT event_id, count(),
    groupArray({listed:UInt32})((
        delivery_id, toString(kind), toUnixTimestamp64Milli(occurred_at), toUnixTimestamp64Milli(received_at), stands
    ))
FROM (
    SELECT event_id, delivery_id, kind, occurred_at, received_at, true AS stands
    FROM standing
    UNION ALL
    SELECT late.event_id, late.delivery_id, late.kind, late.occurred_at, late.received_at, false AS stands
    FROM (
        SELECT *
        FROM late_lines FINAL
        WHERE account_id = {account:String} AND event_id IN (ids) AND NOT is_repeat
        ORDER BY received_at, delivery_id
        LIMIT 1 BY event_id, trial_id, occurred_at, content
    ) AS late
    INNER JOIN standing
        ON standing.event_id = late.event_id AND standing.trial_id = late.trial_id
        AND standing.occurred_at = late.occurred_at
    WHERE late.content != standing.content
    ORDER BY received_at, delivery_id
)
GROUP BY event_id
HAVING count() > 1
ORDER BY max(received_at) DESC, event_id
LIMIT {listed:UInt32}
