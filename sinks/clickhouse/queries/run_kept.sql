-- As sum_kept.sql, of rejects first kept from a moment on; `closed` will never change.
SELECT account_id, first_at < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC') AS closed, count()
FROM
(
    SELECT account_id, reason, reject_id, min(received_at) AS first_at
    FROM pilot_rejects
    WHERE flow != {foreign:String}
        AND received_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
        AND (account_id, reason, reject_id) NOT IN
        (
            SELECT account_id, reason, reject_id
            FROM pilot_rejects
            WHERE received_at < fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
                AND (account_id, reason, reject_id) IN
                (
                    SELECT account_id, reason, reject_id
                    FROM pilot_rejects
                    WHERE received_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
                )
        )
    GROUP BY account_id, reason, reject_id
)
GROUP BY account_id, closed
