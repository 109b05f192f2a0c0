-- What a listed difference explains of the sum of stored lines: lines counted in two sources.
if(
    has(splitByChar('+', toString(explanation)), 'repeat_across_sources'),
    toInt64(live_events) - toInt64(recomputed_events),
    0
)
