-- Blocks that got rows their settlement has not seen; those touched since a time, or all.
SELECT
    touches.product_id, toUnixTimestamp(touches.block), touches.seen_rows, toUnixTimestamp64Milli(touches.last_at),
    settlements.last_run, toUnixTimestamp64Milli(settlements.last_settled_at)
FROM
(
    SELECT product_id, block, sum(rows) AS seen_rows, max(touched_at) AS last_at
    FROM touched_blocks
    WHERE {% include which ~ ".sql" %}
    GROUP BY product_id, block
) AS touches
LEFT JOIN
(
    SELECT
        product_id, block, max(run) AS last_run, argMax(settled_blocks.rows, run) AS settled_rows,
        max(settled_at) AS last_settled_at
    FROM settled_blocks
    WHERE {% include which ~ ".sql" %}
    GROUP BY product_id, block
) AS settlements ON settlements.product_id = touches.product_id AND settlements.block = touches.block
WHERE touches.seen_rows != settlements.settled_rows
ORDER BY touches.block
