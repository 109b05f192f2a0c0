SELECT sum(duplicate)
FROM pilot_deliveries FINAL
WHERE account_id IN {accounts:Array(String)} AND NOT replay
  AND received_at >= {from:DateTime64(3, 'UTC')} AND received_at < {to:DateTime64(3, 'UTC')}
