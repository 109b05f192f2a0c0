-- What came, the last settlement and the sums of each day of products. Put together by whoever asks: the engine spends
-- more on the text of a question that does it all than on these few rows.
SELECT
    product_id, 'came', toUnixTimestamp(toStartOfDay(block, 'Asia/Shanghai')) AS day_s, sum(touches.rows),
    0 AS b, 0 AS c, 0 AS d
FROM touched_blocks AS touches
WHERE product_id IN {products:Array(String)}
GROUP BY product_id, day_s
UNION ALL
SELECT
    product_id, 'settled', toUnixTimestamp(toStartOfDay(block, 'Asia/Shanghai')) AS day_s, max(run),
    0 AS b, 0 AS c, 0 AS d
FROM settled_blocks
WHERE product_id IN {products:Array(String)}
GROUP BY product_id, day_s
UNION ALL
SELECT product_id, toString(rolled.rollup), toUnixTimestamp(day), run, rolled.rows, settled_run, unexplained
FROM daily_rollups AS rolled FINAL
WHERE product_id IN {products:Array(String)}
