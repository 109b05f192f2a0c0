-- What the chosen blocks hold by now: settled cells and events, live events, and late ones.
SELECT product_id, block_s, sum(cells), sum(events), sum(live_events), sum(late_events)
FROM
(
    SELECT
        product_id, toUnixTimestamp(toStartOfFiveMinutes(minute)) AS block_s,
        countIf(settled.events > 0) AS cells, sum(settled.events) AS events, 0 AS live_events, 0 AS late_events
    FROM cells_settled AS settled FINAL
    WHERE #chosen_cells#
    GROUP BY product_id, block_s
    UNION ALL
    SELECT product_id, toUnixTimestamp(toStartOfFiveMinutes(minute)) AS block_s, 0, 0, sum(live.events), 0
    FROM cells_live AS live FINAL
    WHERE #chosen_cells#
    GROUP BY product_id, block_s
    UNION ALL
    SELECT
        product_id, toUnixTimestamp(toStartOfFiveMinutes(toDateTime(occurred_at, 'UTC'))) AS block_s, 0, 0, 0,
        countIf(#is_late#)
    FROM pilot_events FINAL
    WHERE #chosen_events#
    GROUP BY product_id, block_s
)
GROUP BY product_id, block_s
SETTINGS do_not_merge_across_partitions_select_final = 1
