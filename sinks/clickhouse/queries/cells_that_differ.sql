-- Cells that a reader sees and that are not what the stored events come to: a settled one all of them, a live one those
-- that are not late. `waiting`: its block has rows that its settlement has not seen.
SELECT
    product_id, trial_id, platform, placement_id, arm, kind, toUnixTimestamp(minute), settled, shown_events,
    expected_events,
    (product_id, toStartOfFiveMinutes(minute)) IN
    (
        SELECT touches.product_id, touches.block
        FROM (SELECT product_id, block, sum(rows) AS seen FROM touched_blocks GROUP BY product_id, block) AS touches
        LEFT JOIN
        (
            SELECT product_id, block, argMax(settled_blocks.rows, run) AS done FROM settled_blocks
            GROUP BY product_id, block
        ) AS settlements ON settlements.product_id = touches.product_id AND settlements.block = touches.block
        WHERE seen != done
    ) AS waiting
FROM
(
    SELECT
        product_id, trial_id, platform, placement_id, arm, kind, minute,
        -- Of the block: a cell that came into being since its settlement has no settled row yet.
        max(is_settled) OR (product_id, toStartOfFiveMinutes(minute)) IN
        (
            SELECT product_id, block FROM settled_blocks
            WHERE block >= toDateTime({from_s:UInt32}, 'UTC') AND block < toDateTime({until_s:UInt32}, 'UTC')
        ) AS settled,
        sumIf(events, side = 0) AS shown_events,
        sumIf(digest, side = 0) AS shown_digest,
        if(settled, sumIf(events, side = 1), sumIf(events, side = 2)) AS expected_events,
        if(settled, sumIf(digest, side = 1), sumIf(digest, side = 2)) AS expected_digest,
        max(forgotten) AS someone_forgotten
    FROM
    (
        SELECT
            0 AS side, settled AS is_settled, product_id, trial_id, platform, placement_id, arm, kind, minute, events,
            {% include "digest.sql" %} AS digest,
            0 AS forgotten
        FROM cells
        WHERE minute >= toDateTime({from_s:UInt32}, 'UTC') AND minute < toDateTime({until_s:UInt32}, 'UTC')
            AND ({trial:String} = '' OR trial_id = {trial:String})
            AND NOT ({% include "is_retired_cell.sql" %})
        UNION ALL
        SELECT 1, 0, product_id, trial_id, platform, placement_id, arm, kind, minute, events, {% include "digest.sql" %} AS digest,
            forgotten
        FROM ({% with events = "span_events" %}{% include "recompute.sql" %}{% endwith %})
        UNION ALL
        SELECT 2, 0, product_id, trial_id, platform, placement_id, arm, kind, minute, events, {% include "digest.sql" %} AS digest,
            forgotten
        FROM ({% with events = "span_events_not_late" %}{% include "recompute.sql" %}{% endwith %})
    )
    GROUP BY product_id, trial_id, platform, placement_id, arm, kind, minute
)
WHERE shown_digest != expected_digest
    -- A live cell's registers know of whom was forgotten until its block is settled.
    AND NOT (NOT settled AND someone_forgotten AND shown_events = expected_events)
ORDER BY product_id, minute
LIMIT 1000
