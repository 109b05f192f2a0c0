-- Day, arm and placement of whatever sent an event: of summed days, or of the events of what is not.
{% if summed %}
SELECT DISTINCT arm, placement_id, toUnixTimestamp(day) * 1000
FROM cells_daily FINAL
WHERE split = 'unit' AND events > 0 AND arm != '' AND {% include "rolled_days.sql" %}
{% else %}
SELECT DISTINCT arm, placement_id, toUnixTimestamp(toStartOfDay(occurred_at, 'Asia/Shanghai')) * 1000
FROM ({% include source ~ ".sql" %}) AS live
WHERE arm != ''
{% endif %}
