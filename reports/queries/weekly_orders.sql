-- Orders, refunds, their amounts and ratings of each week, by platform and arm.
SELECT
    toUnixTimestamp(toDateTime(toMonday(occurred_at, 'Asia/Shanghai'), 'Asia/Shanghai')) * 1000 AS week,
    platform,
    arm,
    count(),
    countIf(kind = 'order.paid'),
    countIf(kind = 'order.refunded'),
    sumIf(toInt64(ifNull(amount_fen, 0)), kind = 'order.paid'),
    sumIf(toInt64(ifNull(amount_fen, 0)), kind = 'order.refunded'),
    {% for stars in range(1, 6) %}countIf(rating = {{ stars }}){{ ", " if not loop.last else "" }}{% endfor %}

FROM ({% include source ~ ".sql" %}) AS source
GROUP BY week, platform, arm
