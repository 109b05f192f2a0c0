-- What settlement found between live cells and stored events and explained.
SELECT sum({% include "listed_lines.sql" %})
FROM settlement_differences FINAL
WHERE (product_id, block, run) IN (SELECT product_id, block, max(run) FROM settled_blocks GROUP BY product_id, block)
