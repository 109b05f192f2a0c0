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
    ),
    sights AS
    (
        -- An id that stands twice within the span: the worker saw the second as a repeat, its content is another.
        SELECT
            epoch, partition, offset, line,
            row_number() OVER same AS sight,
            toUnixTimestamp64Milli(received_at) - lagInFrame(toUnixTimestamp64Milli(received_at)) OVER same AS since_ms
        FROM pilot_events FINAL
        WHERE received_at >= fromUnixTimestamp64Milli(toInt64({from_s:UInt32}) * 1000 - 2 * {span_ms:Int64}, 'UTC')
            AND received_at < fromUnixTimestamp64Milli(toInt64({until_s:UInt32}) * 1000 + 2 * {span_ms:Int64}, 'UTC')
            AND event_id IN (
                SELECT event_id FROM pilot_events FINAL WHERE #chosen_events#
            )
        WINDOW same AS (
            PARTITION BY epoch, partition, account_id, event_id ORDER BY offset, line
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        )
    )
SELECT
    product_id, trial_id, platform, placement_id, arm, kind, minute_s, epoch, partition,
    max(live_version) AS live_version,
    max(live_events) AS live_events,
    countIf(stored AND reason = 'counted') AS counted,
    countIf(stored AND reason = 'same_id_other_content') AS same_id,
    countIf(stored AND reason = 'disorder_beyond_slack') AS disordered,
    countIf(stored AND reason = 'final_row_kept_back') AS kept_back
FROM
(
    SELECT
        product_id, trial_id, platform, placement_id, arm, kind, minute_s, epoch, partition, stored,
        max(version) OVER cell AS live_version,
        max(live_count) OVER cell AS live_events,
        multiIf(
            repeated, 'same_id_other_content',
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
            marks.mark_ms AS mark_ms,
            sights.sight > 1 AND sights.since_ms <= {span_ms:Int64} AS repeated
        FROM (SELECT * FROM pilot_events FINAL WHERE #chosen_events# AND NOT (#is_late#)) AS events
        LEFT JOIN marks
            ON marks.epoch = events.epoch AND marks.partition = events.partition AND marks.offset = events.offset
        LEFT JOIN sights
            ON sights.epoch = events.epoch AND sights.partition = events.partition
            AND sights.offset = events.offset AND sights.line = events.line
        UNION ALL
        SELECT
            product_id, trial_id, platform, placement_id, arm, kind, toInt64(toUnixTimestamp(minute)) AS minute_s,
            epoch, partition, 0, 0, toInt64(version), live.events, 0, 0
        FROM cells_live AS live FINAL
        WHERE #chosen_cells#
    )
    WINDOW cell AS (
        PARTITION BY product_id, trial_id, platform, placement_id, arm, kind, minute_s, epoch, partition
    )
)
GROUP BY product_id, trial_id, platform, placement_id, arm, kind, minute_s, epoch, partition
ORDER BY epoch, partition
SETTINGS do_not_merge_across_partitions_select_final = 1
