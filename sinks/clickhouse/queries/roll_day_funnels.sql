-- Writes how far those came whose exposure was on one of the chosen days, under a run. They go on for 24 hours, so the
-- span is a day longer than the last of the days.
{% from "funnel_by_people.sql" import IS_STEP, funnel_by_people %}
INSERT INTO funnels_daily
(
    product_id, trial_id, day, arm, exposures, starts, completions, orders, reached_1, reached_2, reached_3, reached_4, run
)
SELECT *, {run:UInt64} AS run
FROM
(
{% call funnel_by_people("product_id, trial_id, day_start, arm") %}
        SELECT
            product_id, trial_id, arm, kind, outcome, subject, occurred_at,
            event_day - 86400 * days_back AS day_start, days_back = 0 AS own
        FROM
        (
            SELECT * EXCEPT day_start, day_start AS event_day, arrayJoin([0, 1]) AS days_back
            FROM ({% include "day_events.sql" %})
            WHERE {{ IS_STEP }}
        )
        WHERE {% include "chosen_days.sql" %}
{% endcall %}
)
SETTINGS do_not_merge_across_partitions_select_final = 1
