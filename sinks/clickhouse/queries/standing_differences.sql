-- Cells of the last day's settlements that nothing explains, each block by its highest run.
SELECT product_id, trial_id, platform, placement_id, arm, kind, toUnixTimestamp(minute), live_events, recomputed_events
FROM settlement_differences FINAL
WHERE explanation = 'unexplained'
    AND ({trial:String} = '' OR trial_id = {trial:String})
    AND (product_id, block, run) IN
    (
        SELECT product_id, block, max(run)
        FROM settled_blocks
        WHERE (product_id, block) IN (SELECT product_id, block FROM settled_blocks WHERE settled_at >= now() - 86400)
        GROUP BY product_id, block
    )
ORDER BY minute
LIMIT 1000
