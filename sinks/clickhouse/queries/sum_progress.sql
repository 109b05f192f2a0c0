-- What workers made of the lines, by source and account.
SELECT epoch, partition, account_id, sum(counted), sum(repeated), sum(late), sum(disordered), sum(rejected)
FROM worker_progress FINAL
WHERE toUnixTimestamp(received_minute) >= intDiv({records_ms:Int64}, 1000)
GROUP BY epoch, partition, account_id
