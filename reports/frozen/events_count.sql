SELECT count()
FROM pilot_events FINAL
WHERE trial_id = {trial:String} AND occurred_at < {to:DateTime64(3, 'UTC')}
