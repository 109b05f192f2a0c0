-- Who is to be forgotten, and how far that is; times in Unix ms, 0 where it is not done.
SELECT
    account_id, trial_id, pseudonym, toUnixTimestamp64Milli(asked_at), toUnixTimestamp64Milli(until),
    toUnixTimestamp64Milli(events_at), toUnixTimestamp64Milli(sketches_at)
FROM forgotten_subjects FINAL
ORDER BY account_id, trial_id
