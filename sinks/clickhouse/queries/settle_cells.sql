-- Writes the chosen blocks' cells, late events included, under a run. A cell that was there before, live or settled,
-- and is no more is written with zero events, so that it hides what was there.
INSERT INTO cells_settled
(
    product_id, block, run, trial_id, platform, placement_id, arm, kind, minute, events, failed, abandoned,
    duration_count, duration_ms_sum, duration_bins, duration_counts, amount_count, amount_fen_sum, rating_count,
    rating_sum, subjects, sessions, first_ms, last_ms
)
SELECT
    product_id, toStartOfFiveMinutes(minute) AS block, {run:UInt64} AS run,
    trial_id, platform, placement_id, arm, kind, minute,
    sum(found.events), sum(found.failed), sum(found.abandoned), sum(found.duration_count), sum(found.duration_ms_sum),
    groupArrayArray(found.duration_bins), groupArrayArray(found.duration_counts),
    sum(found.amount_count), sum(found.amount_fen_sum), sum(found.rating_count), sum(found.rating_sum),
    groupArrayArray(found.subjects), groupArrayArray(found.sessions), max(found.first_ms), max(found.last_ms)
FROM
(
    SELECT * FROM (#recompute:events=chosen_events#)
    UNION ALL
    SELECT DISTINCT
        product_id, trial_id, platform, placement_id, arm, kind, minute, 0, 0, 0, 0, 0, [], [], 0, 0, 0, 0, [], [], 0, 0
    FROM cells_live
    WHERE #chosen_cells#
    UNION ALL
    SELECT DISTINCT
        product_id, trial_id, platform, placement_id, arm, kind, minute, 0, 0, 0, 0, 0, [], [], 0, 0, 0, 0, [], [], 0, 0
    FROM cells_settled
    WHERE #chosen_cells#
) AS found
GROUP BY product_id, trial_id, platform, placement_id, arm, kind, minute
SETTINGS do_not_merge_across_partitions_select_final = 1
