-- Events received in a span whose requests were never answered.
SELECT 0, 0, account_id, count()
FROM pilot_events FINAL
WHERE {% include "received_in_span.sql" %} AND NOT ({% include "is_retired.sql" %}) AND delivery_id NOT IN (SELECT delivery_id FROM pilot_deliveries)
GROUP BY account_id
