-- What the sums need of a settled block, so that its events are not read again: by source and account, the stored
-- events and the late ones of them; and what its list of differences explains of the sum of stored lines.
ALTER TABLE settled_blocks
    ADD COLUMN IF NOT EXISTS sources Array(Tuple(UInt16, UInt16, String, UInt64, UInt64)),
    ADD COLUMN IF NOT EXISTS listed Int64;

-- The sums ask for the last minutes of it; an id begins with its time, so an account's rows lie by it.
ALTER TABLE pilot_deliveries ADD INDEX IF NOT EXISTS received received_at TYPE minmax;
