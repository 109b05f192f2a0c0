-- Events by day, arm and placement of whatever sent any: of summed days, or of the events of what is not.
{% if summed %}
SELECT arm, placement_id, toUnixTimestamp(day) * 1000, sum(events)
FROM cells_daily FINAL
WHERE split = 'unit' AND events > 0 AND {% include "rolled_days.sql" %}
GROUP BY arm, placement_id, day
{% else %}
SELECT arm, placement_id, toUnixTimestamp(toStartOfDay(occurred_at, 'Asia/Shanghai')) * 1000 AS day_ms, count()
FROM ({% include source ~ ".sql" %}) AS live
GROUP BY arm, placement_id, day_ms
{% endif %}
