-- Received past the end of its minute and its epoch's grace: a property of the event alone.
toUnixTimestamp64Milli(received_at) > toInt64(toUnixTimestamp(toStartOfMinute(toDateTime(occurred_at, 'UTC')))) * 1000
    + 60000 + transform(toInt64(epoch), {epochs:Array(Int64)}, {graces_ms:Array(Int64)}, toInt64({grace_ms:Int64}))
