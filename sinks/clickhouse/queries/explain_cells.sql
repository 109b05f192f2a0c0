-- Why live cells differ: of each source's stored events in the chosen blocks that are not late, how many its worker
-- did not count, by the first reason that holds. Offsets and watermarks are those of the log.
WITH
    marks AS
    (
        -- The watermark a record is judged by: the highest stamp up to it, its own included.
        SELECT
            epoch, partition, offset,
            max(stamp) OVER (
                PARTITION BY epoch, partition ORDER BY offset ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS mark_ms
        FROM
        (
            SELECT epoch, partition, offset, max(toUnixTimestamp64Milli(stamped_at)) AS stamp
            FROM log_records
            WHERE topic = {topic:String}
                AND stamped_at >= fromUnixTimestamp64Milli(toInt64({from_s:UInt32}) * 1000 - {span_ms:Int64}, 'UTC')
            GROUP BY epoch, partition, offset
        )
    )
SELECT
    product_id, trial_id, platform, placement_id, arm, kind, minute_s, epoch, partition,
    max(live_version) AS live_version,
    max(live_events) AS live_events,
    countIf(stored AND reason = 'counted') AS counted,
    countIf(stored AND reason = 'disorder_beyond_slack') AS disordered,
    countIf(stored AND reason = 'final_row_kept_back') AS kept_back
FROM
(
    SELECT
        product_id, trial_id, platform, placement_id, arm, kind, minute_s, epoch, partition, stored,
        max(version) OVER cell AS live_version,
        max(live_count) OVER cell AS live_events,
        multiIf(
            mark_ms - {slack_ms:Int64} > minute_s * 1000 + 60000 + {grace_ms:Int64}
                OR minute_s * 1000 > mark_ms + {lead_ms:Int64}, 'disorder_beyond_slack',
            toInt64(offset) > live_version, 'final_row_kept_back',
            'counted'
        ) AS reason
    FROM
    (
        SELECT
            events.product_id AS product_id, trial_id, platform, placement_id, arm, kind,
            toInt64(toUnixTimestamp(toStartOfMinute(toDateTime(occurred_at, 'UTC')))) AS minute_s,
            events.epoch AS epoch, events.partition AS partition, events.offset AS offset,
            1 AS stored, toInt64(-1) AS version, 0 AS live_count,
            marks.mark_ms AS mark_ms
        FROM (SELECT * FROM pilot_events FINAL WHERE {% include "chosen_events.sql" %} AND NOT ({% include "is_late.sql" %})) AS events
        LEFT JOIN marks
            ON marks.epoch = events.epoch AND marks.partition = events.partition AND marks.offset = events.offset
        UNION ALL
        SELECT
            product_id, trial_id, platform, placement_id, arm, kind, toInt64(toUnixTimestamp(minute)) AS minute_s,
            epoch, partition, 0, 0, toInt64(version), live.events, 0
        FROM cells_live AS live FINAL
        WHERE {% include "chosen_cells.sql" %}
    )
    WINDOW cell AS (
        PARTITION BY product_id, trial_id, platform, placement_id, arm, kind, minute_s, epoch, partition
    )
)
GROUP BY product_id, trial_id, platform, placement_id, arm, kind, minute_s, epoch, partition
ORDER BY epoch, partition
SETTINGS do_not_merge_across_partitions_select_final = 1
