-- How far people came in order: exposure, start, completion, order. `caller` selects rows of the keys, subject, kind,
-- outcome, occurred_at, where IS_STEP, and `own`: whether the row itself counts, or only follows one that does.
-- windowFunnel counts how far each person came; people without a subject are in the events alone. A person came as far
-- as from any exposure, so that days and ranges may be looked at apart: an exposure in its own, what follows it in its
-- window.
{% set IS_STEP = "kind IN ('exposure', 'use.started', 'use.completed', 'order.paid')" %}
{% macro funnel_by_people(keys) %}
SELECT
    {{ keys }},
    sum(people.exposures) AS exposures, sum(people.starts) AS starts,
    sum(people.completions) AS completions, sum(people.orders) AS orders,
    arraySort(groupArrayIf(person, level = 1)) AS reached_1, arraySort(groupArrayIf(person, level = 2)) AS reached_2,
    arraySort(groupArrayIf(person, level = 3)) AS reached_3, arraySort(groupArrayIf(person, level = 4)) AS reached_4
FROM
(
    SELECT
        {{ keys }}, reinterpretAsUInt128(sipHash128(subject)) AS person,
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
    FROM ({{ caller() }})
    GROUP BY {{ keys }}, subject
) AS people
GROUP BY {{ keys }}
HAVING sum(people.own_events) > 0
{%- endmacro %}
