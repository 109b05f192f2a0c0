-- Settlements of the chosen blocks: products and blocks are pairs.
product_id IN {products:Array(String)}
AND block >= toDateTime({from_s:UInt32}, 'UTC')
AND block < toDateTime({until_s:UInt32}, 'UTC')
AND (product_id, block) IN
(
    SELECT pair.1, toDateTime(pair.2, 'UTC')
    FROM (SELECT arrayJoin(arrayZip({products:Array(String)}, {blocks:Array(UInt32)})) AS pair)
)
