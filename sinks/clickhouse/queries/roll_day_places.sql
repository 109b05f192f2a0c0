-- Writes when the placements of the chosen days gave signs of life, under a run.
INSERT INTO places_daily
(
    product_id, trial_id, day, placement_id, run, firsts_ms, lasts_ms, hours, hour_events, switches_ms, switches_on
)
SELECT
    product_id, trial_id, day_start, placement_id, {run:UInt64} AS run,
    arrayMap(sign -> sign.1, arraySort(groupArray((first_ms, last_ms))) AS signs),
    arrayMap(sign -> sign.2, signs),
    (sumMap([toStartOfHour(minute)], [found.events]) AS by_hour).1, by_hour.2,
    arrayMap(switch -> switch.1, arraySort(arrayFlatten(groupArray(found.switches))) AS all_switches),
    arrayMap(switch -> switch.2 = 'device.online', all_switches)
FROM
(
    SELECT
        product_id, trial_id, day_start, placement_id, toStartOfMinute(toDateTime(occurred_at, 'UTC')) AS minute,
        count() AS events,
        min(toUnixTimestamp64Milli(occurred_at)) AS first_ms, max(toUnixTimestamp64Milli(occurred_at)) AS last_ms,
        groupArrayIf(
            (toUnixTimestamp64Milli(occurred_at), toString(kind)), kind IN ('device.online', 'device.offline')
        ) AS switches
    FROM ({% include "day_events.sql" %})
    WHERE placement_id != '' AND {% include "chosen_days.sql" %}
    GROUP BY product_id, trial_id, day_start, placement_id, minute
) AS found
GROUP BY product_id, trial_id, day_start, placement_id
SETTINGS do_not_merge_across_partitions_select_final = 1
