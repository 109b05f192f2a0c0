-- All that was retired, with what the sums need of it.
SELECT entry_type, scope, toUnixTimestamp64Milli(until), epoch, partition, account_id, numbers FROM retirements FINAL
