SELECT placement_id, max(last_ms)
FROM ({% include source ~ ".sql" %}) AS cells
WHERE placement_id != '' AND events > 0
GROUP BY placement_id
