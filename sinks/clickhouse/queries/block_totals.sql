-- What the chosen blocks hold by now: settled cells and events, and live events.
SELECT product_id, block_s, sum(cells), sum(events), sum(live_events)
FROM
(
    SELECT
        product_id, toUnixTimestamp(toStartOfFiveMinutes(minute)) AS block_s,
        countIf(settled.events > 0) AS cells, sum(settled.events) AS events, 0 AS live_events
    FROM cells_settled AS settled FINAL
    WHERE #chosen_cells#
    GROUP BY product_id, block_s
    UNION ALL
    SELECT product_id, toUnixTimestamp(toStartOfFiveMinutes(minute)) AS block_s, 0, 0, sum(live.events)
    FROM cells_live AS live FINAL
    WHERE #chosen_cells#
    GROUP BY product_id, block_s
)
GROUP BY product_id, block_s
SETTINGS do_not_merge_across_partitions_select_final = 1
