-- Stored, and not in the live cells yet: everything before the first of these is.
SELECT toUnixTimestamp64Milli(min(stamped_at))
FROM log_records
WHERE topic = {topic:String} AND epoch = {epoch:UInt16} AND partition = {partition:UInt16}
  AND offset >= {counted:UInt64}
HAVING count() > 0
