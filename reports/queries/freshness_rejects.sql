-- By what they name, which tells below whose they are. The same reject always names the same, so those that name another
-- product are left out before repeats are merged: of all trials' rejects few are one's own. What a replay has made an
-- event of is none any more.
SELECT
    reason, account_id, about_product, about_placement, about_trial, about_match,
    arrayCount(moment -> moment <= about_ms, {moments:Array(Int64)}) AS after,
    cityHash64(account_id, about_product, about_placement, about_trial, about_match, after) AS named,
    count()
FROM pilot_rejects FINAL
PREWHERE about_product NOT IN {other_products:Array(String)}
WHERE account_id IN {accounts:Array(String)}
  AND received_at >= {from:DateTime64(3, 'UTC')} AND received_at < {to:DateTime64(3, 'UTC')}
  AND reject_id NOT IN ({% include "closed_rejects.sql" %})
GROUP BY reason, account_id, about_product, about_placement, about_trial, about_match, after
