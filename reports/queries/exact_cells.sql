-- Rows of day (`at`), arm, placement and kind with the sums of cells: of summed days, and of the events of what is not.
-- With `sets` also durations of uses, subjects and sessions as hashes; summed days have them in rows of no kind.
{% from "exact_people.sql" import people %}
{% if days %}
SELECT
    day AS at, arm, placement_id, kind, events, failed, abandoned, duration_count, duration_ms_sum, amount_fen_sum,
    rating_count, rating_sum
    {% if sets %}
    , CAST([], 'Array(UInt32)') AS durations, CAST([], 'Array(UInt128)') AS subjects,
    CAST([], 'Array(UInt128)') AS sessions
    {% endif %}
FROM cells_daily FINAL
WHERE split = 'unit' AND {% include "rolled_days.sql" %}
{% if sets %}
UNION ALL
SELECT
    day AS at, arm, placement_id, '' AS kind, 0 AS events, 0 AS failed, 0 AS abandoned, 0 AS duration_count,
    0 AS duration_ms_sum, 0 AS amount_fen_sum, 0 AS rating_count, 0 AS rating_sum, durations, subjects, sessions
FROM units_daily FINAL
WHERE {% include "rolled_days.sql" %}
{% endif %}
{% endif %}
{{ "UNION ALL" if days and events else "" }}
{% if events or not days %}
SELECT
    toDateTime(toStartOfDay(occurred_at, 'Asia/Shanghai'), 'UTC') AS at, arm, placement_id, kind,
    count() AS events,
    countIf(outcome = 'failed') AS failed,
    countIf(outcome = 'abandoned') AS abandoned,
    count(duration_ms) AS duration_count,
    sum(toUInt64(ifNull(duration_ms, 0))) AS duration_ms_sum,
    sum(toInt64(ifNull(amount_fen, 0))) AS amount_fen_sum,
    count(rating) AS rating_count,
    sum(toUInt64(ifNull(rating, 0))) AS rating_sum
    {% if sets %}
    , groupArrayIf(toUInt32(assumeNotNull(duration_ms)), kind = 'use.completed' AND isNotNull(duration_ms)) AS durations,
    {{ people(["subjects", "sessions"]) }}
    {% endif %}
FROM ({% include "exact_events.sql" %}) AS live
GROUP BY at, arm, placement_id, kind
{% endif %}
