-- Writes what the stored events of the chosen days are counted exactly by, under a run.
INSERT INTO units_daily (product_id, trial_id, day, arm, placement_id, run, durations, subjects, sessions)
SELECT
    product_id, trial_id, day_start, arm, placement_id, {run:UInt64} AS run,
    arraySort(groupArrayIf(assumeNotNull(duration_ms), kind = 'use.completed' AND isNotNull(duration_ms))),
    arraySort(groupUniqArrayIf(reinterpretAsUInt128(sipHash128(subject)), subject != '')),
    arraySort(groupUniqArrayIf(reinterpretAsUInt128(sipHash128(session_id)), session_id != ''))
FROM ({% include "day_events.sql" %})
WHERE {% include "chosen_days.sql" %}
GROUP BY product_id, trial_id, day_start, arm, placement_id
SETTINGS do_not_merge_across_partitions_select_final = 1
