SELECT
    count(),
    countIf(arm = ''),
    countIf({% include "is_late.sql" %}),
    max(toUnixTimestamp64Milli(received_at) - toUnixTimestamp64Milli(occurred_at)),
    max(toUnixTimestamp64Milli(received_at))
FROM pilot_events FINAL
WHERE trial_id = {trial:String}
  AND occurred_at >= {from:DateTime64(3, 'UTC')} AND occurred_at < {to:DateTime64(3, 'UTC')}
  AND toStartOfHour(occurred_at) >= toStartOfHour({from:DateTime64(3, 'UTC')})
  AND toStartOfHour(occurred_at) <= toStartOfHour({to:DateTime64(3, 'UTC')})
