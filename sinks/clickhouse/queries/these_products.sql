product_id IN {products:Array(String)}
