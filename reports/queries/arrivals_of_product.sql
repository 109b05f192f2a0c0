SELECT count()
FROM pilot_events FINAL
WHERE product_id = {product:String}
  AND occurred_at >= {from:DateTime64(3, 'UTC')} AND occurred_at < {to:DateTime64(3, 'UTC')}
