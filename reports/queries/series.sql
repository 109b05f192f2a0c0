-- Columns of metrics by bucket and split.
{% from "columns.sql" import select %}
{% set start = {
    "minute": "at", "hour": "toStartOfHour(at)", "day": "toStartOfDay(at, 'Asia/Shanghai')"
}[step] %}
SELECT bucket, split {{ select(columns.derived) }}
FROM
(
    SELECT toUnixTimestamp({{ start }}) * 1000 AS bucket, {{ split }} AS split {{ select(columns.sums) }}
    FROM ({% include source ~ ".sql" %}) AS cells
    GROUP BY bucket, split
) AS buckets
LIMIT {limit:UInt64}
