FROM events AS stored
WHERE stored.trial_id = {trial:String}
  AND stored.occurred_at >= {from:DateTime64(3, 'UTC')} AND stored.occurred_at < {to:DateTime64(3, 'UTC')}
  AND toStartOfHour(stored.occurred_at) >= toStartOfHour({from:DateTime64(3, 'UTC')})
  AND toStartOfHour(stored.occurred_at) <= toStartOfHour({to:DateTime64(3, 'UTC')})
