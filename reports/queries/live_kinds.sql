SELECT kind, toUnixTimestamp(at) * 1000 AS minute, sum(events), max(last_ms), groupUniqArrayArray(subjects)
FROM ({% include source ~ ".sql" %}) AS cells
WHERE events > 0
GROUP BY kind, minute
