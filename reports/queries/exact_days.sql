-- Columns of a metric by split and Shanghai day, from stored events.
{% from "columns.sql" import select %}
SELECT split, day {{ select(columns.derived) }}
FROM
(
    SELECT
        {{ split }} AS split,
        toUnixTimestamp(toStartOfDay(occurred_at, 'Asia/Shanghai')) * 1000 AS day
        {{ select(columns.sums) }}
    FROM ({% include source ~ ".sql" %}) AS source
    GROUP BY split, day
) AS days
ORDER BY split, day
