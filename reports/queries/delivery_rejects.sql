-- The kept rejects of these ids, with what closed each.
SELECT reject_id, reason, field, message, event_id, payload, toUnixTimestamp64Milli(inserted_at), delivery_id
FROM pilot_rejects FINAL
WHERE account_id = {account:String} AND reject_id IN {rejects:Array(String)}
