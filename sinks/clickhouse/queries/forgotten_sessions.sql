SELECT DISTINCT session_id
FROM pilot_events
WHERE trial_id IN {trials:Array(String)} AND subject IN {pseudonyms:Array(String)} AND session_id != ''
