-- Events of a trial whose requests were never answered, of requests whose answers are still kept.
SELECT 0, 0, account_id, count()
FROM pilot_events FINAL
WHERE {% include "trial_events.sql" %}
    AND received_at >= fromUnixTimestamp64Milli({records_ms:Int64}, 'UTC')
    AND delivery_id NOT IN (SELECT delivery_id FROM pilot_deliveries)
GROUP BY account_id
