-- A reject stays and counts; what it held goes, so that no replay can make an event of it.
ALTER TABLE pilot_rejects UPDATE payload = ''
WHERE account_id IN {accounts:Array(String)} AND {% include "rejects_of_forgotten.sql" %}
