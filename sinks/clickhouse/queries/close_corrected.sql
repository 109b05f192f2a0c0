-- A reject that nothing closed yet is closed by the first event that came later under its id.
INSERT INTO replayed_rejects (reject_id, delivery_id, replayed_at, verdict)
SELECT r.reject_id, e.delivery_id, e.came_at, 'corrected'
FROM (
    SELECT reject_id, account_id, event_id, received_at
    FROM pilot_rejects FINAL
    WHERE event_id != '' AND reject_id NOT IN ({% include "closed_rejects.sql" %})
) AS r
INNER JOIN (
    SELECT account_id, event_id, delivery_id, received_at AS came_at
    FROM pilot_events
    WHERE received_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC') AND NOT is_repeat
      AND event_id IN (SELECT event_id FROM pilot_rejects WHERE event_id != '')
) AS e ON e.account_id = r.account_id AND e.event_id = r.event_id
WHERE e.came_at >= r.received_at
ORDER BY e.came_at, e.delivery_id
LIMIT 1 BY r.reject_id
