-- Whether a time lies in one of so many ranges. Their parameters are called by a name and a number. No range holds nothing.
{% macro within(column, type, name, count) -%}
{%- if count -%}
(
{%- for number in range(count) -%}
{{ " OR " if number else "" }}({{ column }} >= {{ "{" ~ name ~ "_from_" ~ number ~ ":" ~ type ~ "}" }} AND {{ column }} < {{ "{" ~ name ~ "_to_" ~ number ~ ":" ~ type ~ "}" }})
{%- endfor -%}
)
{%- else -%}
0
{%- endif -%}
{%- endmacro %}
{% macro in_seconds(column, name, count) -%}
{{ within(column, "DateTime('UTC')", name, count) }}
{%- endmacro %}
{% macro happened(name, count) -%}
{{ within("occurred_at", "DateTime64(3, 'UTC')", name, count) }}
{%- endmacro %}
