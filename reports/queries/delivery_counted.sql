-- When the worker's word that it had counted past this place was stored; nothing before that.
SELECT toUnixTimestamp64Milli(min(counted_at))
FROM counted_steps
WHERE epoch = {epoch:UInt16} AND partition = {partition:UInt16} AND next_offset > {offset:UInt64}
HAVING count() > 0
