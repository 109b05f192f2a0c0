-- Events and people by step: of the days that are summed, and from events of what is not.
{% from "funnel_by_people.sql" import IS_STEP, funnel_by_people %}
{% from "ranges.sql" import happened %}
SELECT
    split,
    sum(parts.exposures), sum(parts.starts), sum(parts.completions), sum(parts.orders),
    uniqExactArray(arrayConcat(reached_1, reached_2, reached_3, reached_4)),
    uniqExactArray(arrayConcat(reached_2, reached_3, reached_4)),
    uniqExactArray(arrayConcat(reached_3, reached_4)),
    uniqExactArray(reached_4)
FROM
(
    {% if days %}
    SELECT arm AS split, exposures, starts, completions, orders, reached_1, reached_2, reached_3, reached_4
    FROM funnels_daily FINAL
    WHERE {% include "rolled_days.sql" %}
    {% endif %}
    {{ "UNION ALL" if days and events else "" }}
    {% if events or not days %}
    {% call funnel_by_people("split") %}
        SELECT {{ split }} AS split, kind, outcome, occurred_at, subject, {{ happened("own", events) }} AS own
        FROM pilot_events FINAL
        WHERE trial_id = {trial:String} AND {{ happened("events", events) }} AND {{ IS_STEP }}
    {% endcall %}
    {% endif %}
) AS parts
GROUP BY split
ORDER BY split
