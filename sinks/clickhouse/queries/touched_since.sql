(product_id, block) IN
(
    SELECT product_id, block
    FROM touched_blocks
    WHERE touched_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
)
