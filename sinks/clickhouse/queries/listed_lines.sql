-- What a listed difference explains of the sum of stored lines: lines counted in two sources, less events that a worker
-- took for repeats and the store keeps.
if(
    has(splitByChar('+', toString(explanation)), 'repeat_across_sources')
        OR has(splitByChar('+', toString(explanation)), 'same_id_other_content'),
    toInt64(live_events) - toInt64(recomputed_events),
    0
)
