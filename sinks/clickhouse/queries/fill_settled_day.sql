-- Writes what the sums need of a day's blocks that were settled before settlements left it, under their run: an event
-- that comes meanwhile makes its block wait, and what is written here is not used.
INSERT INTO settled_blocks
(
    product_id, block, run, settled_at, rows, touched_at, cause, cells, events, live_events, late_events, explained,
    unexplained, sources, listed
)
SELECT
    blocks.product_id, blocks.block, blocks.run, blocks.settled_at, blocks.rows, blocks.touched_at, blocks.cause,
    blocks.cells, blocks.events, blocks.live_events, blocks.late_events, blocks.explained, blocks.unexplained,
    counts.found, differences.explained_lines
FROM
(
    SELECT *
    FROM settled_blocks FINAL
    WHERE block >= toDateTime({day_s:UInt32}, 'UTC') AND block < toDateTime({day_s:UInt32} + 86400, 'UTC')
        AND events > 0 AND empty(sources)
) AS blocks
LEFT JOIN
(
    SELECT product_id, block, groupArray((epoch, partition, account, rows, late_rows)) AS found
    FROM
    (
        SELECT
            product_id, toStartOfFiveMinutes(toDateTime(occurred_at, 'UTC')) AS block,
            epoch, partition, toString(account_id) AS account, count() AS rows, countIf({% include "is_late.sql" %}) AS late_rows
        FROM pilot_events FINAL
        WHERE occurred_at >= fromUnixTimestamp64Milli(toInt64({day_s:UInt32}) * 1000, 'UTC')
            AND occurred_at < fromUnixTimestamp64Milli((toInt64({day_s:UInt32}) + 86400) * 1000, 'UTC')
        GROUP BY product_id, block, epoch, partition, account
    )
    GROUP BY product_id, block
) AS counts ON counts.product_id = blocks.product_id AND counts.block = blocks.block
LEFT JOIN
(
    SELECT product_id, block, run, sum({% include "listed_lines.sql" %}) AS explained_lines
    FROM settlement_differences FINAL
    WHERE block >= toDateTime({day_s:UInt32}, 'UTC') AND block < toDateTime({day_s:UInt32} + 86400, 'UTC')
    GROUP BY product_id, block, run
) AS differences
    ON differences.product_id = blocks.product_id AND differences.block = blocks.block AND differences.run = blocks.run
SETTINGS do_not_merge_across_partitions_select_final = 1
