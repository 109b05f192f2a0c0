-- Columns of metrics by the splits asked for, from what is counted exactly.
{% from "columns.sql" import select %}
SELECT {{ keys }} {{ select(columns.derived) }}
FROM
(
    SELECT {{ keys }} {{ select(columns.sums) }}
    FROM ({% include source ~ ".sql" %}) AS source
    {% if grouped %}GROUP BY {{ keys }}{% endif %}
) AS grouped
{% if grouped %}ORDER BY {{ keys }}{% endif %}
