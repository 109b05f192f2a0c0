-- The ids of the subjects' events that came late.
SELECT DISTINCT event_id
FROM late_lines
WHERE trial_id IN {trials:Array(String)} AND event_id IN
(
    SELECT event_id FROM pilot_events
    WHERE trial_id IN {trials:Array(String)} AND subject IN {pseudonyms:Array(String)}
)
