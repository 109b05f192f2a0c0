-- What is known of given blocks, whether they are due or not: as touched_blocks.sql, with the highest run of any cell.
SELECT
    chosen.1 AS product_id, toUnixTimestamp(chosen.2) AS block_s, touches.seen_rows,
    toUnixTimestamp64Milli(touches.last_at), greatest(settlements.last_run, cells.last_run),
    toUnixTimestamp64Milli(settlements.last_settled_at)
FROM
(
    SELECT (pair.1, toDateTime(pair.2, 'UTC')) AS chosen
    FROM (SELECT arrayJoin(arrayZip({products:Array(String)}, {blocks:Array(UInt32)})) AS pair)
) AS wanted
LEFT JOIN
(
    SELECT product_id, block, sum(rows) AS seen_rows, max(touched_at) AS last_at
    FROM touched_blocks
    WHERE product_id IN {products:Array(String)}
    GROUP BY product_id, block
) AS touches ON touches.product_id = wanted.chosen.1 AND touches.block = wanted.chosen.2
LEFT JOIN
(
    SELECT product_id, block, max(run) AS last_run, max(settled_at) AS last_settled_at
    FROM settled_blocks
    WHERE product_id IN {products:Array(String)}
    GROUP BY product_id, block
) AS settlements ON settlements.product_id = wanted.chosen.1 AND settlements.block = wanted.chosen.2
LEFT JOIN
(
    SELECT product_id, toStartOfFiveMinutes(minute) AS block, max(run) AS last_run
    FROM cells_settled
    WHERE {% include "chosen_cells.sql" %}
    GROUP BY product_id, block
) AS cells ON cells.product_id = wanted.chosen.1 AND cells.block = wanted.chosen.2
