-- Hours, spans and switches of placements on summed days. What lies no further apart than the placement's silence is
-- one span: merging it here or later comes to the same.
SELECT
    placement_id, groupArrayArray(hours_s), groupArrayArray(hour_events),
    groupArrayArray(span_firsts), groupArrayArray(span_lasts),
    groupArrayArray(switches_ms), groupArrayArray(switches_on)
FROM
(
    SELECT
        placement_id, arrayMap(hour -> toUnixTimestamp(hour), hours) AS hours_s, hour_events, switches_ms, switches_on,
        transform(placement_id, {silent_placements:Array(String)}, {silences_ms:Array(Int64)}, toInt64(0))
            AS silence_ms,
        arrayMap(
            (first, before) -> silence_ms > 0 AND first - before > silence_ms,
            firsts_ms, arrayShiftRight(lasts_ms, 1, toInt64(0))
        ) AS begins,
        arrayFilter((first, begin) -> begin, firsts_ms, begins) AS span_firsts,
        arrayFilter((last, end) -> end, lasts_ms, arrayShiftLeft(begins, 1, toUInt8(silence_ms > 0))) AS span_lasts
    FROM places_daily FINAL
    WHERE {% include "rolled_days.sql" %}
)
GROUP BY placement_id
