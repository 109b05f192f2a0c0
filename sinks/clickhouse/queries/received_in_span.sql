received_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
AND received_at < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')
