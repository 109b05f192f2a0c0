-- What readers and exports see. Columns are stable (add only).

-- One row per accepted event: an event that came twice stands at its first position.
CREATE VIEW IF NOT EXISTS events AS
SELECT
    event_id,
    account_id,
    platform,
    product_id,
    trial_id,
    placement_id,
    arm,
    kind,
    outcome,
    occurred_at,
    received_at,
    subject,
    session_id,
    duration_ms,
    amount_fen,
    rating,
    attributes
FROM pilot_events FINAL
-- The month follows from the hour, which is in the key: two partitions never hold the same event.
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- One row per kept reject.
CREATE VIEW IF NOT EXISTS rejects AS
SELECT
    kept.reject_id AS reject_id,
    kept.account_id AS account_id,
    kept.platform AS platform,
    kept.flow AS flow,
    kept.reason AS reason,
    kept.field AS field,
    kept.message AS message,
    kept.payload AS payload,
    kept.received_at AS received_at,
    replays.last_at AS replayed_at
FROM pilot_rejects AS kept FINAL
LEFT JOIN
(
    SELECT reject_id, toNullable(max(replayed_at)) AS last_at
    FROM reject_replays
    GROUP BY reject_id
) AS replays ON replays.reject_id = kept.reject_id;

-- One row per cell with all that merges: settled where its block was settled, live elsewhere, sources summed.
-- Registers are packed (index << 6 | rank), ascending, one per index; bins are ascending.
CREATE VIEW IF NOT EXISTS cells AS
SELECT
    product_id,
    trial_id,
    platform,
    placement_id,
    arm,
    kind,
    minute,
    max(layer) AS settled,
    argMax(layered.events, layer) AS events,
    argMax(layered.failed, layer) AS failed,
    argMax(layered.abandoned, layer) AS abandoned,
    argMax(layered.duration_count, layer) AS duration_count,
    argMax(layered.duration_ms_sum, layer) AS duration_ms_sum,
    argMax(layered.duration_bins, layer) AS duration_bins,
    argMax(layered.duration_counts, layer) AS duration_counts,
    argMax(layered.amount_count, layer) AS amount_count,
    argMax(layered.amount_fen_sum, layer) AS amount_fen_sum,
    argMax(layered.rating_count, layer) AS rating_count,
    argMax(layered.rating_sum, layer) AS rating_sum,
    argMax(layered.subjects, layer) AS subjects,
    argMax(layered.sessions, layer) AS sessions,
    argMax(layered.first_ms, layer) AS first_ms,
    argMax(layered.last_ms, layer) AS last_ms
FROM
(
    SELECT
        product_id, trial_id, platform, placement_id, arm, kind, minute,
        toUInt8(1) AS layer,
        events, failed, abandoned, duration_count, duration_ms_sum, duration_bins, duration_counts,
        amount_count, amount_fen_sum, rating_count, rating_sum, subjects, sessions, first_ms, last_ms
    FROM cells_settled FINAL
    UNION ALL
    SELECT
        product_id, trial_id, platform, placement_id, arm, kind, minute,
        toUInt8(0) AS layer,
        sum(live.events) AS events,
        sum(live.failed) AS failed,
        sum(live.abandoned) AS abandoned,
        sum(live.duration_count) AS duration_count,
        sum(live.duration_ms_sum) AS duration_ms_sum,
        (sumMap(live.duration_bins, live.duration_counts) AS bins).1 AS duration_bins,
        bins.2 AS duration_counts,
        sum(live.amount_count) AS amount_count,
        sum(live.amount_fen_sum) AS amount_fen_sum,
        sum(live.rating_count) AS rating_count,
        sum(live.rating_sum) AS rating_sum,
        -- Ascending, so the last of an index has its highest rank.
        arrayFilter(
            (register, next) -> bitShiftRight(register, 6) != bitShiftRight(next, 6),
            arraySort(groupUniqArrayArray(live.subjects)) AS seen_subjects,
            arrayShiftLeft(CAST(seen_subjects, 'Array(UInt32)'), 1, 65536)
        ) AS subjects,
        arrayFilter(
            (register, next) -> bitShiftRight(register, 6) != bitShiftRight(next, 6),
            arraySort(groupUniqArrayArray(live.sessions)) AS seen_sessions,
            arrayShiftLeft(CAST(seen_sessions, 'Array(UInt32)'), 1, 65536)
        ) AS sessions,
        min(live.first_ms) AS first_ms,
        max(live.last_ms) AS last_ms
    FROM cells_live AS live FINAL
    GROUP BY product_id, trial_id, platform, placement_id, arm, kind, minute
) AS layered
GROUP BY product_id, trial_id, platform, placement_id, arm, kind, minute
HAVING events > 0;

-- One row per cell, as numbers. Subjects and sessions are HyperLogLog estimates (standard error 3.25 %) with the
-- correction for small ranges; they do not add up over cells: merge the registers of `cells` for that.
CREATE VIEW IF NOT EXISTS metrics_by_minute AS
SELECT
    product_id,
    trial_id,
    platform,
    placement_id,
    arm,
    kind,
    minute,
    events,
    failed,
    abandoned,
    duration_ms_sum,
    amount_fen_sum,
    rating_sum,
    toUInt64(round(if(
        length(subjects) < 1024 AND raw_subjects <= 2.5 * 1024,
        1024 * log(1024 / (1024 - length(subjects))),
        raw_subjects
    ))) AS subjects,
    toUInt64(round(if(
        length(sessions) < 1024 AND raw_sessions <= 2.5 * 1024,
        1024 * log(1024 / (1024 - length(sessions))),
        raw_sessions
    ))) AS sessions,
    settled
FROM
(
    SELECT
        *,
        -- 0.7213 / (1 + 1.079 / 1024) * 1024 ^ 2, over the sum of 2 ^ -rank; an empty register counts 1.
        0.7213 / (1 + 1.079 / 1024) * 1048576 AS scale,
        scale / (1024 - length(subjects) + arraySum(register -> exp2(-bitAnd(register, 63)), subjects)) AS raw_subjects,
        scale / (1024 - length(sessions) + arraySum(register -> exp2(-bitAnd(register, 63)), sessions)) AS raw_sessions
    FROM cells
);
