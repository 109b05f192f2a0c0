-- Cells of the chosen blocks, of any table that has product_id and minute.
product_id IN {products:Array(String)}
AND minute >= toDateTime({from_s:UInt32}, 'UTC')
AND minute < toDateTime({until_s:UInt32}, 'UTC')
AND (product_id, toStartOfFiveMinutes(minute)) IN
(
    SELECT pair.1, toDateTime(pair.2, 'UTC')
    FROM (SELECT arrayJoin(arrayZip({products:Array(String)}, {blocks:Array(UInt32)})) AS pair)
)
