-- More columns of a SELECT list, by their names.
{% macro select(columns) -%}
{%- for name, expression in columns.items() %}, {{ expression }} AS {{ name }}{% endfor -%}
{%- endmacro %}
