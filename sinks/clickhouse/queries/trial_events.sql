trial_id = {trial:String} AND occurred_at < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC') AND NOT ({% include "is_retired.sql" %})
