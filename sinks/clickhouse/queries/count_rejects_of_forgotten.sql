SELECT count()
FROM pilot_rejects
WHERE account_id IN {accounts:Array(String)} AND inserted_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
    AND {% include "rejects_of_forgotten.sql" %}
