-- What each source and account has in the cells of the chosen blocks by their stored events, repeats gone: late events
-- (side 1) apart from the others (side 0). Bins and registers as they come: one of each event.
SELECT
    product_id, trial_id, platform, placement_id, arm, kind, toStartOfMinute(toDateTime(occurred_at, 'UTC')) AS minute,
    epoch, partition, account_id, toUInt8({% include "is_late.sql" %}) AS side,
    count() AS events,
    countIf(outcome = 'failed') AS failed,
    countIf(outcome = 'abandoned') AS abandoned,
    count(duration_ms) AS duration_count,
    sum(toUInt64(ifNull(duration_ms, 0))) AS duration_ms_sum,
    groupArrayIf({% include "duration_bin.sql" %}, isNotNull(duration_ms)) AS bins,
    count(amount_fen) AS amount_count,
    sum(toInt64(ifNull(amount_fen, 0))) AS amount_fen_sum,
    count(rating) AS rating_count,
    sum(toUInt64(ifNull(rating, 0))) AS rating_sum,
    groupArrayIf(subject_register, subject_register != 0) AS subjects,
    groupArrayIf(session_register, session_register != 0) AS sessions,
    min(toUnixTimestamp64Milli(occurred_at)) AS first_ms,
    max(toUnixTimestamp64Milli(occurred_at)) AS last_ms,
    {% include "cell_weight.sql" %} + arraySum(bin -> intHash64(bin), bins) AS weight,
    max(is_forgotten) AS forgotten
FROM pilot_events FINAL
WHERE {% include "chosen_events.sql" %}
GROUP BY product_id, trial_id, platform, placement_id, arm, kind, minute, epoch, partition, account_id, side
