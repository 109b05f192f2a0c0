-- What was answered to requests received in a span.
SELECT 0, 0, account_id, sum(received), sum(accepted), sum(duplicate), sum(rejected)
FROM pilot_deliveries FINAL
WHERE {% include "received_in_span.sql" %}
GROUP BY account_id
