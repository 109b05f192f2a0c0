-- Sums the settled cells of the chosen days under a run, once for each split.
INSERT INTO cells_daily
(
    product_id, trial_id, split, day, platform, placement_id, arm, kind, run, events, failed, abandoned, duration_count,
    duration_ms_sum, duration_bins, duration_counts, amount_fen_sum, rating_count, rating_sum, subjects, sessions,
    first_ms, last_ms
)
SELECT
    product_id, trial_id, split, day_start,
    if(split = 'platform', found.platform, '') AS shown_platform,
    if(split IN ('placement', 'unit'), found.placement_id, '') AS shown_placement,
    if(split IN ('arm', 'unit'), found.arm, '') AS shown_arm,
    if(by_kind, found.kind, '') AS shown_kind,
    {run:UInt64} AS run,
    sumIf(found.events, by_kind), sumIf(found.failed, by_kind), sumIf(found.abandoned, by_kind),
    sumIf(found.duration_count, by_kind), sumIf(found.duration_ms_sum, by_kind),
    (sumMapIf(found.duration_bins, found.duration_counts, by_kind AND split != 'unit') AS bins).1, bins.2,
    sumIf(found.amount_fen_sum, by_kind), sumIf(found.rating_count, by_kind), sumIf(found.rating_sum, by_kind),
    arrayFilter(
        (register, next) -> bitShiftRight(register, 6) != bitShiftRight(next, 6),
        arraySort(groupUniqArrayArrayIf(found.subjects, split = 'kind' OR NOT by_kind)) AS seen_subjects,
        arrayShiftLeft(CAST(seen_subjects, 'Array(UInt32)'), 1, 65536)
    ),
    arrayFilter(
        (register, next) -> bitShiftRight(register, 6) != bitShiftRight(next, 6),
        arraySort(groupUniqArrayArrayIf(found.sessions, split = 'kind' OR NOT by_kind)) AS seen_sessions,
        arrayShiftLeft(CAST(seen_sessions, 'Array(UInt32)'), 1, 65536)
    ),
    min(found.first_ms), max(found.last_ms)
FROM
(
    SELECT
        product_id, trial_id, toDateTime(toStartOfDay(minute, 'Asia/Shanghai'), 'UTC') AS day_start,
        platform, placement_id, arm, kind,
        sum(settled.events) AS events, sum(settled.failed) AS failed, sum(settled.abandoned) AS abandoned,
        sum(settled.duration_count) AS duration_count, sum(settled.duration_ms_sum) AS duration_ms_sum,
        (sumMap(settled.duration_bins, settled.duration_counts) AS bins).1 AS duration_bins,
        bins.2 AS duration_counts,
        sum(settled.amount_fen_sum) AS amount_fen_sum,
        sum(settled.rating_count) AS rating_count, sum(settled.rating_sum) AS rating_sum,
        groupUniqArrayArray(settled.subjects) AS subjects, groupUniqArrayArray(settled.sessions) AS sessions,
        min(settled.first_ms) AS first_ms, max(settled.last_ms) AS last_ms
    FROM cells_settled AS settled FINAL
    WHERE product_id IN {products:Array(String)}
        AND minute >= toDateTime({from_s:UInt32}, 'UTC') AND minute < toDateTime({until_s:UInt32}, 'UTC')
        AND {% include "chosen_days.sql" %}
        AND settled.events > 0
    GROUP BY product_id, trial_id, day_start, platform, placement_id, arm, kind
) AS found
ARRAY JOIN
    ['', '', 'platform', 'platform', 'placement', 'placement', 'arm', 'arm', 'unit', 'kind'] AS split,
    [1, 0, 1, 0, 1, 0, 1, 0, 1, 1] AS by_kind
GROUP BY product_id, trial_id, split, day_start, shown_platform, shown_placement, shown_arm, shown_kind
SETTINGS do_not_merge_across_partitions_select_final = 1
