-- One delivery of an account.
SELECT delivery_id, platform, flow, status, received, accepted, duplicate, rejected, reasons, others, body_bytes, replay,
    asked_by, requests, detail,
    toUnixTimestamp64Milli(received_at), if(isNull(validated_at), 0, toUnixTimestamp64Milli(assumeNotNull(validated_at))),
    toUnixTimestamp64Milli(answered_at), toUnixTimestamp64Milli(inserted_at)
FROM pilot_deliveries FINAL
WHERE account_id = {account:String} AND delivery_id = {delivery:String}
