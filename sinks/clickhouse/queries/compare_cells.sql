-- Cells of the chosen blocks whose live version is not what the stored events that are not late come to.
SELECT
    product_id, toUnixTimestamp(toStartOfFiveMinutes(minute)) AS block_s, trial_id, platform, placement_id, arm, kind,
    toUnixTimestamp(minute) AS minute_s,
    sumIf(events, live) AS live_events,
    sumIf(events, NOT live) AS recomputed_events
FROM
(
    SELECT 0 AS live, product_id, trial_id, platform, placement_id, arm, kind, minute, events, #digest# AS digest
    FROM (#recompute:events=chosen_events_not_late#)
    UNION ALL
    SELECT 1 AS live, product_id, trial_id, platform, placement_id, arm, kind, minute, events, #digest# AS digest
    FROM (#live:cells=chosen_cells#)
)
GROUP BY product_id, trial_id, platform, placement_id, arm, kind, minute
HAVING sumIf(digest, live) != sumIf(digest, NOT live)
ORDER BY product_id, minute
LIMIT {limit:UInt32}
SETTINGS do_not_merge_across_partitions_select_final = 1
