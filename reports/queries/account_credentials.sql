-- The last hour (Unix ms) in which each of an account's keys and secrets was used, as it was written down.
SELECT id, body
FROM registry_records FINAL
WHERE entry_type = 'used' AND NOT deleted AND match(body, '^[0-9]+$')
  AND (id IN {keys:Array(String)} OR startsWith(id, {secrets:String}))
