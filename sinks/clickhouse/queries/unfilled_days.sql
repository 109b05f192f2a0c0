-- Days of UTC with blocks that were settled before settlements left what the sums need.
SELECT DISTINCT toUnixTimestamp(toStartOfDay(block)) AS day_s
FROM settled_blocks FINAL
WHERE events > 0 AND empty(sources)
ORDER BY day_s
