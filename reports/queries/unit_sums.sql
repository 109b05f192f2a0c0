-- Sums of units over their summed days.
{% from "columns.sql" import select %}
SELECT arm, placement_id, toUnixTimestamp(at) {{ select(columns.sums) }}
FROM ({% include source ~ ".sql" %}) AS source
GROUP BY arm, placement_id, at
