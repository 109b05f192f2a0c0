-- Rejects of requests received in a span.
SELECT 0, 0, account_id, count() FROM pilot_rejects FINAL WHERE flow != {foreign:String} AND {% include "received_in_span.sql" %} GROUP BY account_id
