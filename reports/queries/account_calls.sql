-- An account's latest requests. Their ids begin with their time, so the newest are the last of the key.
SELECT d.delivery_id, flow, status, toUnixTimestamp64Milli(d.received_at), toUnixTimestamp64Milli(answered_at),
    received, accepted, duplicate, rejected, reasons, others, body_bytes, replay, requests, detail, c.call
FROM (
    SELECT *
    FROM pilot_deliveries FINAL
    WHERE account_id = {account:String}
      AND ({before:String} = '' OR delivery_id < {before:String})
      AND ({flow:String} = '' OR flow = {flow:String})
      AND (
          {search:String} = ''
          OR positionCaseInsensitiveUTF8(delivery_id, {search:String}) > 0
          OR positionCaseInsensitiveUTF8(detail, {search:String}) > 0
          OR toString(status) = {search:String}
          OR mapContains(reasons, {search:String})
          OR arrayExists(other -> tupleElement(other, 3) = {search:String}, others)
          OR delivery_id IN (
              SELECT delivery_id FROM pilot_events
              WHERE {search:String} != '' AND account_id = {account:String} AND event_id = {search:String}
          )
          OR delivery_id IN (
              SELECT delivery_id FROM pilot_calls
              WHERE {search:String} != '' AND account_id = {account:String}
                AND positionCaseInsensitiveUTF8(call, {search:String}) > 0
          )
      )
    ORDER BY delivery_id DESC
    LIMIT {limit:UInt32}
) AS d
LEFT JOIN (
    SELECT delivery_id, argMax(call, inserted_at) AS call
    FROM pilot_calls
    WHERE account_id = {account:String}
    GROUP BY delivery_id
) AS c ON c.delivery_id = d.delivery_id
ORDER BY d.delivery_id DESC
