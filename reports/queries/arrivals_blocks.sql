-- A block is settled where its last settlement saw every row that it has by now, and explained what differed.
SELECT
    count(),
    countIf(settlements.runs > 0 AND seen = touched AND unexplained = 0),
    sum(touched),
    sumIf(touched, settlements.runs > 0 AND seen = touched AND unexplained = 0)
FROM (
    SELECT block, sum(touched_blocks.rows) AS touched
    FROM touched_blocks
    WHERE product_id = {product:String} AND block >= {from:DateTime('UTC')} AND block < {to:DateTime('UTC')}
    GROUP BY block
) AS touches
LEFT JOIN (
    SELECT
        block,
        count() AS runs,
        argMax(settled_blocks.rows, run) AS seen,
        argMax(settled_blocks.unexplained, run) AS unexplained
    FROM settled_blocks
    WHERE product_id = {product:String} AND block >= {from:DateTime('UTC')} AND block < {to:DateTime('UTC')}
    GROUP BY block
) AS settlements USING (block)
