SELECT product_id, occurred_at FROM pilot_events WHERE trial_id IN {trials:Array(String)} AND is_forgotten
