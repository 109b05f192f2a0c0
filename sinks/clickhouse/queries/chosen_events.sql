-- Stored events of the chosen blocks: products and blocks are pairs; hours and the span bound what is read.
product_id IN {products:Array(String)}
AND occurred_at >= fromUnixTimestamp64Milli(toInt64({from_s:UInt32}) * 1000, 'UTC')
AND occurred_at < fromUnixTimestamp64Milli(toInt64({until_s:UInt32}) * 1000, 'UTC')
AND toStartOfHour(occurred_at) IN (SELECT toDateTime(arrayJoin({hours:Array(UInt32)}), 'UTC'))
AND (product_id, toStartOfFiveMinutes(toDateTime(occurred_at, 'UTC'))) IN
(
    SELECT pair.1, toDateTime(pair.2, 'UTC')
    FROM (SELECT arrayJoin(arrayZip({products:Array(String)}, {blocks:Array(UInt32)})) AS pair)
)
