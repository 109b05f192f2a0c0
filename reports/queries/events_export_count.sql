SELECT count()
{% include "events_export_rows.sql" %}
