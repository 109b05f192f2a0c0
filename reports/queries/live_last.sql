-- 100 rows from the end of each key hold the latest minute's cells: kinds x placements x sources, rarely near that.
-- Nothing of a minute after the one that is asked about: as of an earlier moment it says what it said then.
{% set since = "minute >= {since:DateTime('UTC')}" if recent else "1" %}
{% set until = "minute < {until:DateTime('UTC')}" %}
SELECT max(latest.last_ms), count()
FROM
(
    SELECT last_ms
    FROM
    (
        SELECT minute, last_ms
        FROM cells_live
        WHERE product_id = {product:String} AND trial_id = {trial:String} AND {{ since }} AND {{ until }}
        ORDER BY minute DESC LIMIT 100
    )
    UNION ALL
    SELECT last_ms
    FROM
    (
        SELECT minute, last_ms
        FROM cells_settled
        WHERE product_id = {product:String} AND trial_id = {trial:String} AND {{ since }} AND {{ until }} AND events > 0
        ORDER BY minute DESC LIMIT 100
    )
) AS latest
