-- A block counts as settled where it has a run.
{% from "ranges.sql" import in_seconds %}
SELECT toUnixTimestamp(block) * 1000, max(wrong) > 0
FROM (
    SELECT block, 1 AS runs, argMax(s.rows, run) AS seen, 0 AS touched, argMax(s.unexplained, run) AS wrong
    FROM settled_blocks AS s
    WHERE product_id = {product:String} AND {{ in_seconds("block", "blocks", blocks) }}
    GROUP BY block
    UNION ALL
    SELECT block, 0 AS runs, 0 AS seen, sum(t.rows) AS touched, 0 AS wrong
    FROM touched_blocks AS t
    WHERE product_id = {product:String} AND {{ in_seconds("block", "blocks", blocks) }}
    GROUP BY block
)
GROUP BY block
HAVING max(runs) AND (max(wrong) > 0 OR max(seen) != max(touched))
ORDER BY block
