-- The cells that stored events come to, one row each; repeats are gone. #events# chooses the events.
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
    -- Exact below 256 ms, then 128 bins a doubling: the exponent and seven bits of the mantissa of a double, which
    -- holds an integer this small exactly.
    (sumMapIf(
        [toUInt16(if(
            ifNull(duration_ms, 0) < 128,
            ifNull(duration_ms, 0),
            bitShiftRight(reinterpretAsUInt64(toFloat64(ifNull(duration_ms, 0))), 45) - 131712
        ))],
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
        arraySort(groupUniqArrayIf(subject_register, subject != '')) AS seen_subjects,
        arrayShiftLeft(CAST(seen_subjects, 'Array(UInt32)'), 1, 65536)
    ) AS subjects,
    arrayFilter(
        (register, next) -> bitShiftRight(register, 6) != bitShiftRight(next, 6),
        arraySort(groupUniqArrayIf(session_register, session_id != '')) AS seen_sessions,
        arrayShiftLeft(CAST(seen_sessions, 'Array(UInt32)'), 1, 65536)
    ) AS sessions,
    min(toUnixTimestamp64Milli(occurred_at)) AS first_ms,
    max(toUnixTimestamp64Milli(occurred_at)) AS last_ms
FROM
(
    SELECT
        product_id, trial_id, platform, placement_id, arm, kind, occurred_at, outcome, duration_ms, amount_fen, rating,
        subject, session_id,
        -- The first 16 hex digits, big-endian; index = low 10 bits, rank = trailing zeros of the rest plus one.
        reinterpretAsUInt64(reverse(unhex(substring(subject, 1, 16)))) AS subject_bits,
        reinterpretAsUInt64(reverse(unhex(substring(session_id, 1, 16)))) AS session_bits,
        toInt64(bitShiftRight(subject_bits, 10)) AS subject_rest,
        toInt64(bitShiftRight(session_bits, 10)) AS session_rest,
        toUInt16(bitOr(
            bitShiftLeft(bitAnd(subject_bits, 1023), 6),
            least(bitCount(bitXor(subject_rest, subject_rest - 1)), 55)
        )) AS subject_register,
        toUInt16(bitOr(
            bitShiftLeft(bitAnd(session_bits, 1023), 6),
            least(bitCount(bitXor(session_rest, session_rest - 1)), 55)
        )) AS session_register
    FROM pilot_events FINAL
    WHERE #events#
)
GROUP BY product_id, trial_id, platform, placement_id, arm, kind, minute
