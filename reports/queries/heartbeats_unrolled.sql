-- The same of what is not summed, by placement and hour.
SELECT
    placement_id, toUnixTimestamp(toStartOfHour(at)), sum(came),
    groupArrayIf(first, placement_id IN {silent_placements:Array(String)}),
    groupArrayIf(last, placement_id IN {silent_placements:Array(String)})
FROM
(
    SELECT placement_id, at, sum(events) AS came, min(first_ms) AS first, max(last_ms) AS last
    FROM ({% include source ~ ".sql" %}) AS cells
    WHERE placement_id != '' AND events > 0
    GROUP BY placement_id, at
) AS minutes
GROUP BY ALL
