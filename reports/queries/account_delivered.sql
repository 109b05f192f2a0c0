-- Up to when the sink has stored every delivery.
SELECT toUnixTimestamp64Milli(greatest(max(watermark_at), max(read_to_end_at)))
FROM sink_sources
WHERE topic = {topic:String}
HAVING count() > 0
