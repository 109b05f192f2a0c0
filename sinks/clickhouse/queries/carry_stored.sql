-- What the sums have of a trial's events, by source and account.
SELECT epoch, partition, account_id, count(), countIf(#is_late#)
FROM pilot_events FINAL
WHERE #trial_events#
GROUP BY epoch, partition, account_id
