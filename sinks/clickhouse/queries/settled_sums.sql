-- What settlements left of their blocks, by day of UTC: by source and account the stored events and the late ones; and,
-- in a row without a source (-1), what their lists explain.
SELECT
    product_id, toUnixTimestamp(toStartOfDay(block)), toInt32(source.1), source.2, source.3, sum(source.4), sum(source.5)
FROM settled_blocks FINAL
ARRAY JOIN sources AS source
WHERE {% include which ~ ".sql" %}
GROUP BY product_id, toStartOfDay(block), source.1, source.2, source.3
UNION ALL
SELECT product_id, toUnixTimestamp(toStartOfDay(block)), toInt32(-1), 0, '', sum(listed), 0
FROM settled_blocks FINAL
WHERE listed != 0 AND {% include which ~ ".sql" %}
GROUP BY product_id, toStartOfDay(block)
