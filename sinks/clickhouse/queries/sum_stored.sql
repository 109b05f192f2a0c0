-- Stored events, repeats gone, by source and account; the last column: late ones.
SELECT epoch, partition, account_id, count(), countIf(#is_late#)
FROM pilot_events FINAL
WHERE NOT (#is_retired#)
GROUP BY epoch, partition, account_id
