-- The events of an export in the table's own order. The hours say again what the times do, for events lie by the hour.
{% macro column(name) -%}
{%- if form != "parquet" and name in ["occurred_at", "received_at"] -%}
formatDateTime(stored.{{ name }}, '%Y-%m-%dT%H:%i:%S.%fZ') AS {{ name }}
{%- elif form == "csv" and name not in ["duration_ms", "amount_fen", "rating"] -%}
if(match(stored.{{ name }}, '^[=+\-@\t\r\n\'＝＋－＠]'), concat('\'', stored.{{ name }}), stored.{{ name }}) AS {{ name }}
{%- else -%}
{{ name }}
{%- endif -%}
{%- endmacro %}
-- Text times say their offset; Parquet has a type of its own for times.
-- A spreadsheet takes a text that begins with such a character for a formula, quoted or not. The apostrophe is among them
-- so that whoever reads the file can undo it without doubt: a text that begins with one has exactly one to lose.
SELECT {% for name in columns %}{{ ", " if not loop.first else "" }}{{ column(name) }}{% endfor %}
{% include "events_export_rows.sql" %}
ORDER BY toStartOfHour(stored.occurred_at), stored.account_id, stored.event_id,
         toUnixTimestamp64Milli(stored.occurred_at)
