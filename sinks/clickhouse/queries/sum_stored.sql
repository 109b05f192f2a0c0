-- Stored events, repeats gone, by source and account; the last column: late ones.
SELECT epoch, partition, account_id, count(), countIf({% include "is_late.sql" %})
FROM pilot_events FINAL
WHERE NOT ({% include "is_retired.sql" %})
GROUP BY epoch, partition, account_id
