-- What was answered to requests received in a span.
SELECT 0, 0, account_id, sum(received), sum(accepted), sum(duplicate), sum(rejected)
FROM pilot_deliveries FINAL
WHERE #received_in_span#
GROUP BY account_id
