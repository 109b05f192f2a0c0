-- Whoever came to two placements that stand at one place on one day came to one unit.
SELECT
    arm,
    transform(placement_id, {placements:Array(String)}, {places:Array(String)}, placement_id) AS place,
    toUnixTimestamp(at) AS day_s,
    uniqExactArray(subjects), uniqExactArray(sessions)
FROM ({% include source ~ ".sql" %}) AS source
GROUP BY arm, place, day_s
