-- Settled cells of the chosen blocks whose live version was not what the stored events that are not late come to.
SELECT
    product_id, toUnixTimestamp(block) AS block_s, trial_id, platform, placement_id, arm, kind,
    toUnixTimestamp(minute) AS minute_s, live_events, events - late_events AS recomputed_events
FROM cells_settled FINAL
WHERE differs AND {% include "chosen_cells.sql" %}
ORDER BY product_id, minute
LIMIT {limit:UInt32}
SETTINGS do_not_merge_across_partitions_select_final = 1
