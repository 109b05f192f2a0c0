-- 100 rows from the end of each key hold the latest minute's cells: kinds x placements x sources, rarely near that.
{% set since = "minute >= {since:DateTime('UTC')}" if recent else "1" %}
SELECT max(latest.last_ms), count()
FROM
(
    SELECT last_ms
    FROM
    (
        SELECT minute, last_ms
        FROM cells_live
        WHERE product_id = {product:String} AND trial_id = {trial:String} AND {{ since }}
        ORDER BY minute DESC LIMIT 100
    )
    UNION ALL
    SELECT last_ms
    FROM
    (
        SELECT minute, last_ms
        FROM cells_settled
        WHERE product_id = {product:String} AND trial_id = {trial:String} AND {{ since }} AND events > 0
        ORDER BY minute DESC LIMIT 100
    )
) AS latest
