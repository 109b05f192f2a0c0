-- What was answered of late, whoever sent it.
SELECT sum(received), sum(rejected), sum(requests), sumIf(requests, status = 429), sumIf(requests, status >= 500)
FROM pilot_deliveries FINAL
WHERE received_at >= {from:DateTime64(3, 'UTC')} AND received_at < {to:DateTime64(3, 'UTC')}
