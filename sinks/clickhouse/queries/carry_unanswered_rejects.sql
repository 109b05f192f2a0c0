-- Rejects received in a span whose requests were never answered.
SELECT 0, 0, account_id, count()
FROM pilot_rejects FINAL
WHERE flow != {foreign:String} AND {% include "received_in_span.sql" %} AND delivery_id NOT IN (SELECT delivery_id FROM pilot_deliveries)
GROUP BY account_id
