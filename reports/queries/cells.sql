-- A trial's cells: settled ones where a block was settled, live ones elsewhere; hours and days where they are summed.
{% from "ranges.sql" import in_seconds %}
{% from "settled_or_live.sql" import settled_or_live %}
{% set cell_columns = "platform, placement_id, arm, kind, events, failed, abandoned, duration_count, duration_ms_sum, duration_bins, duration_counts, amount_fen_sum, rating_count, rating_sum, subjects, sessions, first_ms, last_ms" %}
{% if resolution == "day" %}
SELECT day AS at, {{ cell_columns }}
FROM cells_daily FINAL
WHERE split = {split:String} AND {% include "rolled_days.sql" %}
{% else %}
{% if resolution == "hour" %}
-- A rolled hour that is older than a settlement of one of its blocks is out of date: its minutes are read instead.
WITH
    rolled AS
    (
        SELECT rolled_hour
        FROM
        (
            SELECT hour AS rolled_hour, max(rolled_at) AS at
            FROM rolled_hours
            WHERE product_id = {product:String} AND {{ in_seconds("hour", "hours", hours) }}
            GROUP BY hour
        ) AS rolls
        LEFT JOIN
        (
            SELECT toStartOfHour(block) AS settled_hour, max(settled_at) AS last
            FROM settled_blocks
            WHERE product_id = {product:String} AND {{ in_seconds("block", "hours", hours) }}
            GROUP BY settled_hour
        ) AS settlements ON rolled_hour = settled_hour
        WHERE at >= last
    )
{% endif %}
{% set unrolled = " AND toStartOfHour(minute) NOT IN (SELECT rolled_hour FROM rolled)" if resolution == "hour" else "" %}
{{ settled_or_live(
    "minute AS at, " ~ cell_columns,
    minutes=in_seconds("minute", "minutes", minutes),
    blocks=in_seconds("minute", "blocks", minutes),
    also="AND trial_id = {trial:String}" ~ unrolled,
) }}
{% if resolution == "hour" %}
UNION ALL
SELECT hour AS at, {{ cell_columns }}
FROM cells_hourly FINAL
WHERE product_id = {product:String} AND {{ in_seconds("hour", "hours", hours) }}
    AND hour IN (SELECT rolled_hour FROM rolled)
    AND trial_id = {trial:String}
{% endif %}
{% endif %}
