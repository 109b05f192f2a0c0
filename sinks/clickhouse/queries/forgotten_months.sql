-- The partitions in which sketches of forgotten events may have earlier versions: by month of UTC, and of the day's start.
SELECT DISTINCT toString(arrayJoin([
    toYYYYMM(occurred_at), toYYYYMM(toDateTime(toStartOfDay(occurred_at, 'Asia/Shanghai'), 'UTC')),
    toYYYYMM(toDateTime(toStartOfDay(occurred_at, 'Asia/Shanghai'), 'UTC') - INTERVAL 1 DAY)
]))
FROM ({% include "forgotten_times.sql" %})
