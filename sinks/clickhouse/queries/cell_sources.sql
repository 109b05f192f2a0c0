-- The events of the settled cells of the chosen blocks by source and account; the last column: late ones.
SELECT
    product_id, toUnixTimestamp(block) AS block_s, source.1 AS epoch, source.2 AS partition, source.3 AS account_id,
    sum(source.4), sum(source.5)
FROM cells_settled FINAL
ARRAY JOIN sources AS source
WHERE {% include "chosen_cells.sql" %}
GROUP BY product_id, block_s, epoch, partition, account_id
SETTINGS do_not_merge_across_partitions_select_final = 1
