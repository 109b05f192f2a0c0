-- Both of whatever is not summed.
{% from "columns.sql" import select %}
SELECT arm, placement_id, toUnixTimestamp(toStartOfDay(occurred_at, 'Asia/Shanghai')) AS day_s {{ select(columns.sums) }}
    {{ ", " ~ durations ~ " AS timed" if durations else "" }}
FROM ({% include source ~ ".sql" %}) AS live
GROUP BY arm, placement_id, day_s
