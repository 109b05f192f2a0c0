-- What settlements left of the chosen blocks: by source and account the stored events and the late ones.
SELECT product_id, toUnixTimestamp(block), source.1, source.2, source.3, source.4, source.5
FROM settled_blocks FINAL
ARRAY JOIN sources AS source
WHERE {% include "chosen_settlements.sql" %}
