-- Writes how far those came whose exposure was on one of the chosen days, under a run. They go on for 24 hours, so the
-- span is a day longer than the last of the days.
INSERT INTO funnels_daily
(
    product_id, trial_id, day, arm, run, exposures, starts, completions, orders, reached_1, reached_2, reached_3, reached_4
)
SELECT
    product_id, trial_id, day_start, arm, {run:UInt64} AS run,
    sum(found.exposures), sum(found.starts), sum(found.completions), sum(found.orders),
    arraySort(groupArrayIf(person, level = 1)), arraySort(groupArrayIf(person, level = 2)),
    arraySort(groupArrayIf(person, level = 3)), arraySort(groupArrayIf(person, level = 4))
FROM
(
    SELECT
        product_id, trial_id, day_start, arm, subject, reinterpretAsUInt128(sipHash128(subject)) AS person,
        if(subject = '', 0, windowFunnel({window:UInt64})(
            toUInt64(toUnixTimestamp64Milli(occurred_at)),
            kind = 'exposure' AND own,
            kind = 'use.started',
            kind = 'use.completed' AND outcome = 'ok',
            kind = 'order.paid'
        )) AS level,
        countIf(own AND kind = 'exposure') AS exposures,
        countIf(own AND kind = 'use.started') AS starts,
        countIf(own AND kind = 'use.completed' AND outcome = 'ok') AS completions,
        countIf(own AND kind = 'order.paid') AS orders,
        countIf(own) AS own_events
    FROM
    (
        SELECT
            product_id, trial_id, arm, kind, outcome, subject, occurred_at,
            event_day - 86400 * days_back AS day_start, days_back = 0 AS own
        FROM (SELECT * EXCEPT day_start, day_start AS event_day, arrayJoin([0, 1]) AS days_back FROM (#day_events#))
        WHERE kind IN ('exposure', 'use.started', 'use.completed', 'order.paid')
    )
    WHERE #chosen_days#
    GROUP BY product_id, trial_id, day_start, arm, subject
) AS found
GROUP BY product_id, trial_id, day_start, arm
HAVING sum(found.own_events) > 0
SETTINGS do_not_merge_across_partitions_select_final = 1
