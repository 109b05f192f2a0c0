ALTER TABLE forgotten_subjects DELETE WHERE until <= fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')
