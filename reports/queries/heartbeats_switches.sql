-- When a device was switched, and whether on, as far as it is not summed.
{% from "ranges.sql" import happened %}
SELECT placement_id, toUnixTimestamp64Milli(occurred_at), kind = 'device.online'
FROM pilot_events FINAL
WHERE trial_id = {trial:String} AND {{ happened("events", events) }} AND kind IN ('device.online', 'device.offline')
