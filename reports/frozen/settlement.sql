SELECT uniqExact(block), max(run)
FROM settled_blocks
WHERE product_id = {product:String} AND block >= {from:DateTime('UTC')} AND block < {to:DateTime('UTC')}
