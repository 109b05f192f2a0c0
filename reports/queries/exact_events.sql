-- The stored events of a trial in ranges of time, each once.
{% from "ranges.sql" import happened %}
SELECT platform, placement_id, arm, kind, outcome, occurred_at, subject, session_id, duration_ms, amount_fen, rating
FROM events
WHERE trial_id = {trial:String} AND {{ happened("events", events) }}
