-- All that was retired, with what the sums need of it.
SELECT sort, scope, toUnixTimestamp64Milli(until), epoch, partition, account_id, numbers FROM retired FINAL
