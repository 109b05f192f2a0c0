-- An event of a trial whose events are no longer kept.
toUnixTimestamp64Milli(occurred_at)
    < transform(toString(trial_id), {retired_trials:Array(String)}, {retired_until_ms:Array(Int64)}, toInt64(0))
