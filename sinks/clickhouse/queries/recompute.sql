-- The cells that stored events come to, one row each; repeats are gone. `events` names the file that chooses the events.
SELECT
    product_id,
    trial_id,
    platform,
    placement_id,
    arm,
    kind,
    toStartOfMinute(toDateTime(occurred_at, 'UTC')) AS minute,
    count() AS events,
    countIf(outcome = 'failed') AS failed,
    countIf(outcome = 'abandoned') AS abandoned,
    count(duration_ms) AS duration_count,
    sum(toUInt64(ifNull(duration_ms, 0))) AS duration_ms_sum,
    (sumMapIf(
        [{% include "duration_bin.sql" %}],
        [toUInt64(1)],
        isNotNull(duration_ms)
    ) AS bins).1 AS duration_bins,
    bins.2 AS duration_counts,
    count(amount_fen) AS amount_count,
    sum(toInt64(ifNull(amount_fen, 0))) AS amount_fen_sum,
    count(rating) AS rating_count,
    sum(toUInt64(ifNull(rating, 0))) AS rating_sum,
    -- Ascending, so the last of an index has its highest rank.
    arrayFilter(
        (register, next) -> bitShiftRight(register, 6) != bitShiftRight(next, 6),
        arraySort(groupUniqArrayIf(subject_register, subject_register != 0)) AS seen_subjects,
        arrayShiftLeft(CAST(seen_subjects, 'Array(UInt32)'), 1, 65536)
    ) AS subjects,
    arrayFilter(
        (register, next) -> bitShiftRight(register, 6) != bitShiftRight(next, 6),
        arraySort(groupUniqArrayIf(session_register, session_register != 0)) AS seen_sessions,
        arrayShiftLeft(CAST(seen_sessions, 'Array(UInt32)'), 1, 65536)
    ) AS sessions,
    min(toUnixTimestamp64Milli(occurred_at)) AS first_ms,
    max(toUnixTimestamp64Milli(occurred_at)) AS last_ms,
    max(is_forgotten) AS forgotten
FROM pilot_events FINAL
WHERE {% include events ~ ".sql" %}
GROUP BY product_id, trial_id, platform, placement_id, arm, kind, minute
