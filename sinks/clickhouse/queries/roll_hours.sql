-- Sums the settled minutes of the chosen hours (products and hours are pairs) under a run.
INSERT INTO cells_hourly
(
    product_id, hour, run, trial_id, platform, placement_id, arm, kind, events, failed, abandoned, duration_count,
    duration_ms_sum, duration_bins, duration_counts, amount_count, amount_fen_sum, rating_count, rating_sum, subjects,
    sessions, first_ms, last_ms
)
WITH
    -- Of registers in order, the last of an index has its highest rank.
    registers -> arrayFilter(
        (register, next) -> bitShiftRight(register, 6) != bitShiftRight(next, 6),
        registers, arrayShiftLeft(CAST(registers, 'Array(UInt32)'), 1, 65536)
    ) AS highest,
    -- Bins come with their counts (48 bits); in order and added up, each bin's sum is read off where it ends.
    arraySort(groupArrayArray(found.packed_bins)) AS packed,
    arrayMap(bin -> toUInt16(bitShiftRight(bin, 48)), packed) AS bins,
    arrayFilter(
        (sum, bin, next) -> bin != next,
        arrayCumSum(arrayMap(bin -> bitAnd(bin, 281474976710655), packed)),
        bins, arrayShiftLeft(CAST(bins, 'Array(UInt32)'), 1, 65536)
    ) AS bin_sums
SELECT
    product_id, hour_start, {run:UInt64} AS run, trial_id, platform, placement_id, arm, kind,
    sum(found.events), sum(found.failed), sum(found.abandoned), sum(found.duration_count), sum(found.duration_ms_sum),
    arrayCompact(bins), arrayMap((sum, before) -> sum - before, bin_sums, arrayShiftRight(bin_sums, 1, 0)),
    sum(found.amount_count), sum(found.amount_fen_sum), sum(found.rating_count), sum(found.rating_sum),
    highest(arraySort(groupArrayArray(found.subjects))), highest(arraySort(groupArrayArray(found.sessions))),
    minIf(found.first_ms, found.events > 0), max(found.last_ms)
FROM
(
    SELECT
        product_id, toStartOfHour(minute) AS hour_start, trial_id, platform, placement_id, arm, kind, events, failed,
        abandoned, duration_count, duration_ms_sum,
        arrayMap(
            (bin, times) -> bitOr(bitShiftLeft(toUInt64(bin), 48), times), duration_bins, duration_counts
        ) AS packed_bins,
        amount_count, amount_fen_sum, rating_count, rating_sum, subjects, sessions, first_ms, last_ms
    FROM cells_settled FINAL
    WHERE product_id IN {products:Array(String)}
        AND minute >= toDateTime({from_s:UInt32}, 'UTC') AND minute < toDateTime({until_s:UInt32}, 'UTC')
    UNION ALL
    SELECT
        product_id, hour, trial_id, platform, placement_id, arm, kind, 0, 0, 0, 0, 0, [], 0, 0, 0, 0, [], [], 0, 0
    FROM cells_hourly
    WHERE product_id IN {products:Array(String)}
) AS found
WHERE (product_id, hour_start) IN
(
    SELECT pair.1, toDateTime(pair.2, 'UTC')
    FROM (SELECT arrayJoin(arrayZip({products:Array(String)}, {hours:Array(UInt32)})) AS pair)
)
GROUP BY product_id, hour_start, trial_id, platform, placement_id, arm, kind
