-- Of many trials at once, in each of the intervals that they have.
SELECT
    account_id, about_product, about_placement, about_trial, about_match, after,
    sumForEach(arrayMap(
        (from_ms, to_ms) -> toUInt64(received_ms >= from_ms AND received_ms < to_ms),
        {from_ms:Array(Int64)}, {to_ms:Array(Int64)}
    ))
FROM (
    SELECT
        account_id, about_product, about_placement, about_trial, about_match,
        arrayCount(moment -> moment <= about_ms, {moments:Array(Int64)}) AS after,
        toUnixTimestamp64Milli(received_at) AS received_ms
    FROM pilot_rejects FINAL
    WHERE account_id IN {accounts:Array(String)}
      AND reject_id NOT IN ({% include "closed_rejects.sql" %})
) AS rejects
GROUP BY account_id, about_product, about_placement, about_trial, about_match, after
