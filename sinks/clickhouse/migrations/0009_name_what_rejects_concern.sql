-- What a kept reject names. An event that could be read stands in its payload as `event`, with the keys that a platform
-- matches a placement by as `match` beside it; of one that could not be read, the fields stand at the top. The columns
-- that were here looked at the top only. Parts that were there before work these out when read.
ALTER TABLE pilot_rejects
    ADD COLUMN IF NOT EXISTS about_product LowCardinality(String)
        MATERIALIZED coalesce(nullIf(JSONExtractString(payload, 'event', 'product_id'), ''), JSONExtractString(payload, 'product_id')),
    ADD COLUMN IF NOT EXISTS about_placement LowCardinality(String)
        MATERIALIZED coalesce(nullIf(JSONExtractString(payload, 'event', 'placement_id'), ''), JSONExtractString(payload, 'placement_id')),
    ADD COLUMN IF NOT EXISTS about_trial LowCardinality(String)
        MATERIALIZED coalesce(nullIf(JSONExtractString(payload, 'event', 'trial_id'), ''), JSONExtractString(payload, 'trial_id')),
    ADD COLUMN IF NOT EXISTS about_match String MATERIALIZED JSONExtractRaw(payload, 'match'),
    -- When it happened, as far as its platform said so in Unix milliseconds: a device may have been handed over since.
    ADD COLUMN IF NOT EXISTS about_ms Int64
        MATERIALIZED if(JSONExtractInt(payload, 'event', 'occurred_at') > 0, JSONExtractInt(payload, 'event', 'occurred_at'), toUnixTimestamp64Milli(received_at)),
    DROP COLUMN IF EXISTS named_product,
    DROP COLUMN IF EXISTS named_placement;
