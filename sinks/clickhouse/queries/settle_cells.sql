-- Writes the chosen blocks' cells, late events included, under a run. With each what its live version said, whether that
-- is what the events that are not late come to, and which sources and accounts the events are of. A cell that was there
-- before, live or settled, and is no more is written with zero events, so that it hides what was there.
INSERT INTO cells_settled
(
    product_id, block, run, trial_id, platform, placement_id, arm, kind, minute, events, failed, abandoned,
    duration_count, duration_ms_sum, duration_bins, duration_counts, amount_count, amount_fen_sum, rating_count,
    rating_sum, subjects, sessions, first_ms, last_ms, late_events, live_events, differs, sources
)
WITH
    -- Of registers in order, the last of an index has its highest rank.
    registers -> arrayFilter(
        (register, next) -> bitShiftRight(register, 6) != bitShiftRight(next, 6),
        registers, arrayShiftLeft(CAST(registers, 'Array(UInt32)'), 1, 65536)
    ) AS highest,
    -- Where each bin ends among bins in order.
    bins -> arrayFilter(
        (place, bin, next) -> bin != next,
        arrayEnumerate(bins), bins, arrayShiftLeft(CAST(bins, 'Array(UInt32)'), 1, 65536)
    ) AS ends
SELECT
    product_id, toStartOfFiveMinutes(minute) AS block, {run:UInt64} AS run,
    trial_id, platform, placement_id, arm, kind, minute,
    sumIf(share.events, side < 2) AS events,
    sumIf(share.failed, side < 2), sumIf(share.abandoned, side < 2),
    sumIf(share.duration_count, side < 2), sumIf(share.duration_ms_sum, side < 2),
    arrayCompact(arraySort(groupArrayArray(share.bins)) AS all_bins),
    arrayMap((end, before) -> toUInt64(end - before), ends(all_bins) AS bin_ends, arrayShiftRight(bin_ends, 1, 0)),
    sumIf(share.amount_count, side < 2), sumIf(share.amount_fen_sum, side < 2),
    sumIf(share.rating_count, side < 2), sumIf(share.rating_sum, side < 2),
    highest(arraySort(groupArrayArrayIf(share.subjects, side < 2))) AS subjects,
    highest(arraySort(groupArrayArrayIf(share.sessions, side < 2))) AS sessions,
    minIf(share.first_ms, side < 2), maxIf(share.last_ms, side < 2),
    sumIf(share.events, side = 1) AS late_events,
    sumIf(share.events, side = 2) AS live_events,
    -- Sources of a live cell add up, so it has to be put together too.
    sumIf(weight, side = 0) != sumIf(weight, side = 2)
        OR minIf(share.first_ms, side = 0) != minIf(share.first_ms, side = 2)
        OR maxIf(share.last_ms, side = 0) != maxIf(share.last_ms, side = 2)
        -- Of whom was forgotten the worker's registers know, and the events do not.
        OR max(share.forgotten) = 0 AND (
            if(late_events = 0, subjects, highest(arraySort(groupArrayArrayIf(share.subjects, side = 0))))
                != highest(arraySort(groupArrayArrayIf(share.subjects, side = 2)))
            OR if(late_events = 0, sessions, highest(arraySort(groupArrayArrayIf(share.sessions, side = 0))))
                != highest(arraySort(groupArrayArrayIf(share.sessions, side = 2)))
        ),
    groupArrayIf((epoch, partition, account_id, share.events, if(side = 1, share.events, 0)), side < 2)
FROM
(
    SELECT * FROM ({% include "event_shares.sql" %})
    UNION ALL
    SELECT
        product_id, trial_id, platform, placement_id, arm, kind, minute, epoch, partition, '', 2,
        events, failed, abandoned, duration_count, duration_ms_sum, [], amount_count, amount_fen_sum, rating_count,
        rating_sum, subjects, sessions, first_ms, last_ms,
        {% include "cell_weight.sql" %} + arraySum((bin, times) -> intHash64(bin) * times, duration_bins, duration_counts), 0
    FROM cells_live FINAL
    WHERE {% include "chosen_cells.sql" %}
    UNION ALL
    SELECT DISTINCT
        product_id, trial_id, platform, placement_id, arm, kind, minute, 0, 0, '', 3,
        0, 0, 0, 0, 0, [], 0, 0, 0, 0, [], [], 0, 0, 0, 0
    FROM cells_settled
    WHERE {% include "chosen_cells.sql" %}
) AS share
GROUP BY product_id, trial_id, platform, placement_id, arm, kind, minute
SETTINGS do_not_merge_across_partitions_select_final = 1, max_threads = 1
