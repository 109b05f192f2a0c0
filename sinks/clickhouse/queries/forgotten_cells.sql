-- The live cells of forgotten events received since a time that still have registers, by a hash of their key.
SELECT cityHash64(product_id, minute, trial_id, platform, placement_id, arm, kind) AS cell
FROM cells_live
WHERE trial_id IN {trials:Array(String)} AND (notEmpty(subjects) OR notEmpty(sessions)) AND cell IN
(
    SELECT cityHash64(
        product_id, toStartOfMinute(toDateTime(occurred_at, 'UTC')), trial_id, platform, placement_id, arm, kind
    )
    FROM pilot_events
    WHERE trial_id IN {trials:Array(String)} AND is_forgotten
        AND received_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
)
GROUP BY cell
LIMIT 100000
