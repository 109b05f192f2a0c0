-- Stored events of the chosen blocks, repeats gone, by source and account; the last column: late ones.
SELECT
    product_id, toUnixTimestamp(toStartOfFiveMinutes(toDateTime(occurred_at, 'UTC'))) AS block_s,
    epoch, partition, account_id, count(), countIf({% include "is_late.sql" %})
FROM pilot_events FINAL
WHERE {% include "chosen_events.sql" %}
GROUP BY product_id, block_s, epoch, partition, account_id
