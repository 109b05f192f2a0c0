-- People and sessions as hashes of one width: each is counted once, wherever it came.
{% set subjects = "groupUniqArrayIf(reinterpretAsUInt128(sipHash128(subject)), subject != '')" %}
{% set sessions = "groupUniqArrayIf(reinterpretAsUInt128(sipHash128(session_id)), session_id != '')" %}
{% set hashes = {"subjects": subjects, "sessions": sessions} %}
{% macro people(columns) -%}
{%- for column in columns %}{{ ", " if not loop.first else "" }}{{ hashes[column] }} AS {{ column }}{% endfor -%}
{%- endmacro %}
