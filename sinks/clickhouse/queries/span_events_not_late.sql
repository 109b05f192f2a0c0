{% include "span_events.sql" %} AND NOT ({% include "is_late.sql" %})
