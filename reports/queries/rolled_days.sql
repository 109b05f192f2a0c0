-- Chooses the rows of summed days in a table of sums, read FINAL: rows of earlier runs are no more.
product_id = {product:String} AND trial_id = {trial:String}
AND day IN (SELECT toDateTime(arrayJoin({rolled_days:Array(UInt32)}), 'UTC'))
AND run >= transform(
    toUnixTimestamp(day), {rolled_days:Array(UInt32)}, {rolled_runs:Array(UInt64)}, toUInt64(18446744073709551615)
)
