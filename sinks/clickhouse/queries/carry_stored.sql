-- What the sums have of a trial's events, by source and account.
SELECT epoch, partition, account_id, count(), countIf({% include "is_late.sql" %})
FROM pilot_events FINAL
WHERE {% include "trial_events.sql" %}
GROUP BY epoch, partition, account_id
