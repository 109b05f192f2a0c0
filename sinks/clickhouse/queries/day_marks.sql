-- Of each day: rows that came and that settlements have seen, the last of these, blocks that differ unexplained; and what
-- its sums were made of.
SELECT
    product_id, toUnixTimestamp(day_start), sum(came), sum(seen), max(settled), sum(wrong),
    max(cells_run), max(cells_rows), max(cells_settled_run),
    max(funnels_run), max(funnels_rows), max(funnels_settled_run)
FROM
(
    SELECT
        product_id, toDateTime(toStartOfDay(block, 'Asia/Shanghai'), 'UTC') AS day_start,
        sum(touches.rows) AS came, 0 AS seen, 0 AS settled, 0 AS wrong,
        0 AS cells_run, 0 AS cells_rows, 0 AS cells_settled_run,
        0 AS funnels_run, 0 AS funnels_rows, 0 AS funnels_settled_run
    FROM touched_blocks AS touches
    WHERE {% include which ~ ".sql" %}
    GROUP BY product_id, day_start
    UNION ALL
    SELECT
        product_id, toDateTime(toStartOfDay(block, 'Asia/Shanghai'), 'UTC') AS day_start,
        0, sum(settlements.rows), max(run), countIf(unexplained > 0), 0, 0, 0, 0, 0, 0
    FROM settled_blocks AS settlements FINAL
    WHERE {% include which ~ ".sql" %}
    GROUP BY product_id, day_start
    UNION ALL
    SELECT product_id, day, 0, 0, 0, 0, run, rolled.rows, settled_run, 0, 0, 0
    FROM daily_rollups AS rolled FINAL
    WHERE rollup = 'cells' AND {% include which ~ ".sql" %}
    UNION ALL
    SELECT product_id, day, 0, 0, 0, 0, 0, 0, 0, run, rolled.rows, settled_run
    FROM daily_rollups AS rolled FINAL
    WHERE rollup = 'funnels' AND {% include which ~ ".sql" %}
)
GROUP BY product_id, day_start
ORDER BY product_id, day_start
