-- What settlement found between live cells and stored events and explained: lines counted in two sources, less events
-- that a worker took for repeats and the store keeps.
SELECT
    sumIf(
        toInt64(live_events) - toInt64(recomputed_events),
        has(splitByChar('+', toString(explanation)), 'repeat_across_sources')
            OR has(splitByChar('+', toString(explanation)), 'same_id_other_content')
    )
FROM settlement_differences FINAL
WHERE (product_id, block, run) IN (SELECT product_id, block, max(run) FROM settled_blocks GROUP BY product_id, block)
