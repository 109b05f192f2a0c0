-- What an event said is hashed with its subject in it, and would be another's from now on.
ALTER TABLE late_lines DELETE WHERE trial_id IN {trials:Array(String)} AND event_id IN {event_ids:Array(String)}
