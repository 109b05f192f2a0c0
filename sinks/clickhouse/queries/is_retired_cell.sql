-- A cell of a trial whose events are no longer kept.
toInt64(toUnixTimestamp(minute)) * 1000
    < transform(toString(trial_id), {retired_trials:Array(String)}, {retired_until_ms:Array(Int64)}, toInt64(0))
