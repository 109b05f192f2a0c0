-- What workers made of the lines of a span's minutes.
SELECT epoch, partition, account_id, sum(counted), sum(repeated), sum(late), sum(disordered), sum(rejected)
FROM worker_progress FINAL
WHERE toUnixTimestamp(received_minute) >= intDiv({from_ms:Int64}, 1000)
    AND toUnixTimestamp(received_minute) < intDiv({until_ms:Int64}, 1000)
GROUP BY epoch, partition, account_id
