-- Sums of cells by the splits asked for, to be merged: what is summed by the day, and what came since.
{% from "columns.sql" import select %}
SELECT {{ keys }} {{ select(columns.sums) }}
FROM ({% include source ~ ".sql" %}) AS source
{% if grouped %}GROUP BY {{ keys }}{% endif %}
