occurred_at >= fromUnixTimestamp64Milli(toInt64({from_s:UInt32}) * 1000, 'UTC')
AND occurred_at < fromUnixTimestamp64Milli(toInt64({until_s:UInt32}) * 1000, 'UTC')
AND ({trial:String} = '' OR trial_id = {trial:String})
AND NOT ({% include "is_retired.sql" %})
