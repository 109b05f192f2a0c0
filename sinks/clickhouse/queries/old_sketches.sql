-- Settled blocks, hours and days with forgotten events whose sketches were made before a run: they are made anew first.
SELECT
    (
        SELECT count() FROM settled_blocks FINAL
        WHERE run < {run:UInt64} AND (product_id, block) IN
            (SELECT product_id, toStartOfFiveMinutes(toDateTime(occurred_at, 'UTC')) FROM ({% include "forgotten_times.sql" %}))
    ) + (
        SELECT count() FROM rolled_hours FINAL
        WHERE run < {run:UInt64} AND (product_id, hour) IN
            (SELECT product_id, toStartOfHour(toDateTime(occurred_at, 'UTC')) FROM ({% include "forgotten_times.sql" %}))
    ) + (
        SELECT count() FROM daily_rollups FINAL
        WHERE run < {run:UInt64} AND (product_id, day) IN
            (SELECT product_id, toDateTime(toStartOfDay(occurred_at, 'Asia/Shanghai'), 'UTC') FROM ({% include "forgotten_times.sql" %}))
    )
