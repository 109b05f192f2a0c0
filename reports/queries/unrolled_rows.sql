-- What came outside a trial's summed days, in every way in which it can be split: one answer asks it once.
{% from "columns.sql" import select %}
SELECT
    toUnixTimestamp(toStartOfDay(at, 'Asia/Shanghai')) * 1000 AS bucket, platform, placement_id AS placement, arm
    {{ select(columns.sums) }}
FROM ({% include source ~ ".sql" %}) AS source
GROUP BY bucket, platform, placement, arm
