-- The request as it was sent, masked, where it was in the sample.
SELECT call FROM pilot_calls FINAL WHERE account_id = {account:String} AND delivery_id = {delivery:String}
