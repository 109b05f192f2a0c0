-- One row a frozen report of the trial, the latest first.
SELECT
    report_id, toUnixTimestamp64Milli(any(as_of)) AS as_of_ms, toUnixTimestamp64Milli(min(frozen_at)) AS frozen_ms,
    any(key_id), any(extract_sha256), any(events), arraySort(groupUniqArray(file))
FROM frozen_reports FINAL
WHERE trial_id = {trial:String}
GROUP BY report_id
ORDER BY as_of_ms DESC, frozen_ms DESC, report_id
