-- What the chosen blocks hold by now: settled cells and events, live events when they were settled, and the cells whose
-- live version was not what their events came to.
SELECT
    product_id, toUnixTimestamp(block) AS block_s, countIf(settled.events > 0), sum(settled.events),
    sum(settled.live_events), countIf(differs)
FROM cells_settled AS settled FINAL
WHERE {% include "chosen_cells.sql" %}
GROUP BY product_id, block_s
SETTINGS do_not_merge_across_partitions_select_final = 1
