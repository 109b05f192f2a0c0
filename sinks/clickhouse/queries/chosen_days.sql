-- The chosen pairs of product and day of Asia/Shanghai, in a query that has product_id and day_start.
(product_id, day_start) IN
(
    SELECT pair.1, toDateTime(pair.2, 'UTC')
    FROM (SELECT arrayJoin(arrayZip({products:Array(String)}, {days:Array(UInt32)})) AS pair)
)
