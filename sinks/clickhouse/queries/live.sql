-- The live cells of the chosen blocks, sources summed.
SELECT
    product_id, trial_id, platform, placement_id, arm, kind, minute,
    sum(live.events) AS events,
    sum(live.failed) AS failed,
    sum(live.abandoned) AS abandoned,
    sum(live.duration_count) AS duration_count,
    sum(live.duration_ms_sum) AS duration_ms_sum,
    (sumMap(live.duration_bins, live.duration_counts) AS bins).1 AS duration_bins,
    bins.2 AS duration_counts,
    sum(live.amount_count) AS amount_count,
    sum(live.amount_fen_sum) AS amount_fen_sum,
    sum(live.rating_count) AS rating_count,
    sum(live.rating_sum) AS rating_sum,
    arrayFilter(
        (register, next) -> bitShiftRight(register, 6) != bitShiftRight(next, 6),
        arraySort(groupUniqArrayArray(live.subjects)) AS seen_subjects,
        arrayShiftLeft(CAST(seen_subjects, 'Array(UInt32)'), 1, 65536)
    ) AS subjects,
    arrayFilter(
        (register, next) -> bitShiftRight(register, 6) != bitShiftRight(next, 6),
        arraySort(groupUniqArrayArray(live.sessions)) AS seen_sessions,
        arrayShiftLeft(CAST(seen_sessions, 'Array(UInt32)'), 1, 65536)
    ) AS sessions,
    min(live.first_ms) AS first_ms,
    max(live.last_ms) AS last_ms
FROM cells_live AS live FINAL
WHERE #cells#
GROUP BY product_id, trial_id, platform, placement_id, arm, kind, minute
