#span_events# AND NOT (#is_late#)
