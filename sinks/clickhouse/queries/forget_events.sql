-- The events stay and count; the subject, its sessions and what its sender added go. A session is the subject's, and
-- goes wherever it stands.
ALTER TABLE pilot_events UPDATE
    attributes = if(subject IN {pseudonyms:Array(String)}, '{}', attributes),
    subject = if(subject IN {pseudonyms:Array(String)}, '', subject),
    session_id = '',
    is_forgotten = 1
WHERE trial_id IN {trials:Array(String)}
    AND (subject IN {pseudonyms:Array(String)} OR session_id IN {sessions:Array(String)})
