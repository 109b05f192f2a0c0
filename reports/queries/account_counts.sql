-- What came of an account in a period and the one before it, and what was answered.
SELECT
    received_at >= {from:DateTime64(3, 'UTC')} AS now,
    countIf(status = 200), sum(d.received), sum(d.accepted), sum(d.duplicate), sum(d.rejected),
    sumIf(d.requests, status != 200)
FROM pilot_deliveries AS d FINAL
WHERE account_id = {account:String} AND NOT replay AND flow != 'test'
  AND received_at >= {before:DateTime64(3, 'UTC')} AND received_at < {to:DateTime64(3, 'UTC')}
GROUP BY now
