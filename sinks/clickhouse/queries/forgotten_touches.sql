-- The blocks that hold events of the subjects, for `touched_blocks`: they are settled again; and of which trials these are.
SELECT product_id, toStartOfFiveMinutes(toDateTime(occurred_at, 'UTC')) AS block, groupUniqArray(trial_id)
FROM pilot_events
WHERE trial_id IN {trials:Array(String)} AND subject IN {pseudonyms:Array(String)}
GROUP BY product_id, block
