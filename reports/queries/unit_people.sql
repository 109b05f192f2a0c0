-- How many different people or sessions each of the arms has seen, and all of them together (arm '').
{% from "exact_people.sql" import people %}
SELECT arm, {% for column in columns %}{{ ", " if not loop.first else "" }}uniqExactArray({{ column }}){% endfor %}
FROM
(
    {% if days %}
    SELECT arm, {{ columns | join(", ") }}
    FROM units_daily FINAL
    WHERE {% include "rolled_days.sql" %}
    {% endif %}
    {{ "UNION ALL" if days and events else "" }}
    {% if events or not days %}
    SELECT arm, {{ people(columns) }}
    FROM ({% include "exact_events.sql" %}) AS live
    GROUP BY arm
    {% endif %}
) AS source
WHERE arm IN {arms:Array(String)}
GROUP BY arm WITH ROLLUP
