-- Its rejects by reason, in both periods.
SELECT reason, sumIf(n, now), sumIf(n, NOT now)
FROM (
    SELECT received_at >= {from:DateTime64(3, 'UTC')} AS now, reasons
    FROM pilot_deliveries FINAL
    WHERE account_id = {account:String} AND NOT replay AND flow != 'test'
      AND received_at >= {before:DateTime64(3, 'UTC')} AND received_at < {to:DateTime64(3, 'UTC')}
)
ARRAY JOIN mapKeys(reasons) AS reason, mapValues(reasons) AS n
GROUP BY reason
ORDER BY 2 DESC, 3 DESC, reason
