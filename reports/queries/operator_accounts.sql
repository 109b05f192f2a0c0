-- Each account's last hour, and how many requests it made in the same hour of yesterday.
SELECT
    account_id,
    sumIf(d.received, received_at >= {hour:DateTime64(3, 'UTC')}),
    sumIf(d.accepted, received_at >= {hour:DateTime64(3, 'UTC')}),
    sumIf(d.duplicate, received_at >= {hour:DateTime64(3, 'UTC')}),
    sumIf(d.rejected, received_at >= {hour:DateTime64(3, 'UTC')}),
    sumIf(d.requests, received_at >= {hour:DateTime64(3, 'UTC')} AND status = 429),
    sumIf(d.requests, received_at >= {hour:DateTime64(3, 'UTC')} AND status >= 500),
    sumIf(d.requests, received_at >= {hour:DateTime64(3, 'UTC')}),
    sumIf(d.requests, received_at < {yesterday_to:DateTime64(3, 'UTC')})
FROM pilot_deliveries AS d FINAL
WHERE NOT replay AND flow != 'test' AND received_at >= {yesterday:DateTime64(3, 'UTC')}
  AND (received_at >= {hour:DateTime64(3, 'UTC')} OR received_at < {yesterday_to:DateTime64(3, 'UTC')})
GROUP BY account_id
