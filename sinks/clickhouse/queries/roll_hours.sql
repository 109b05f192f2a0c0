-- Sums the settled minutes of the chosen hours (products and hours are pairs) under a run.
INSERT INTO cells_hourly
(
    product_id, hour, run, trial_id, platform, placement_id, arm, kind, events, failed, abandoned, duration_count,
    duration_ms_sum, duration_bins, duration_counts, amount_count, amount_fen_sum, rating_count, rating_sum, subjects,
    sessions, first_ms, last_ms
)
SELECT
    product_id, hour_start, {run:UInt64} AS run, trial_id, platform, placement_id, arm, kind,
    sum(found.events), sum(found.failed), sum(found.abandoned), sum(found.duration_count), sum(found.duration_ms_sum),
    (sumMap(found.duration_bins, found.duration_counts) AS bins).1, bins.2,
    sum(found.amount_count), sum(found.amount_fen_sum), sum(found.rating_count), sum(found.rating_sum),
    arrayFilter(
        (register, next) -> bitShiftRight(register, 6) != bitShiftRight(next, 6),
        arraySort(groupUniqArrayArray(found.subjects)) AS seen_subjects,
        arrayShiftLeft(CAST(seen_subjects, 'Array(UInt32)'), 1, 65536)
    ),
    arrayFilter(
        (register, next) -> bitShiftRight(register, 6) != bitShiftRight(next, 6),
        arraySort(groupUniqArrayArray(found.sessions)) AS seen_sessions,
        arrayShiftLeft(CAST(seen_sessions, 'Array(UInt32)'), 1, 65536)
    ),
    minIf(found.first_ms, found.events > 0), max(found.last_ms)
FROM
(
    SELECT
        product_id, toStartOfHour(minute) AS hour_start, trial_id, platform, placement_id, arm, kind, events, failed,
        abandoned, duration_count, duration_ms_sum, duration_bins, duration_counts, amount_count, amount_fen_sum,
        rating_count, rating_sum, subjects, sessions, first_ms, last_ms
    FROM cells_settled FINAL
    WHERE product_id IN {products:Array(String)}
        AND minute >= toDateTime({from_s:UInt32}, 'UTC') AND minute < toDateTime({until_s:UInt32}, 'UTC')
    UNION ALL
    SELECT
        product_id, hour, trial_id, platform, placement_id, arm, kind, 0, 0, 0, 0, 0, [], [], 0, 0, 0, 0, [], [], 0, 0
    FROM cells_hourly
    WHERE product_id IN {products:Array(String)}
) AS found
WHERE (product_id, hour_start) IN
(
    SELECT pair.1, toDateTime(pair.2, 'UTC')
    FROM (SELECT arrayJoin(arrayZip({products:Array(String)}, {hours:Array(UInt32)})) AS pair)
)
GROUP BY product_id, hour_start, trial_id, platform, placement_id, arm, kind
