SELECT placement_id, sum(events), max(last_ms)
FROM (
    SELECT placement_id, events, last_ms
    FROM cells_settled FINAL
    WHERE product_id IN {products:Array(String)} AND minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}
    UNION ALL
    SELECT placement_id, events, last_ms
    FROM cells_live FINAL
    WHERE product_id IN {products:Array(String)} AND minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}
      AND (product_id, toStartOfFiveMinutes(minute)) NOT IN (
          SELECT product_id, toStartOfFiveMinutes(minute)
          FROM cells_settled
          WHERE product_id IN {products:Array(String)}
            AND minute >= toStartOfFiveMinutes({from:DateTime('UTC')}) AND minute < {to:DateTime('UTC')}
      )
) AS cells
WHERE placement_id != '' AND events > 0
GROUP BY placement_id
