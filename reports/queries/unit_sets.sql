-- What is counted of people, sessions and durations of units on summed days.
SELECT arm, placement_id, toUnixTimestamp(day), length(subjects), length(sessions), durations
FROM units_daily FINAL
WHERE {% include "rolled_days.sql" %}
