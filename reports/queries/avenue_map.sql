-- What each placement sent, and when last.
{% from "settled_or_live.sql" import settled_or_live %}
SELECT placement_id, sum(events), max(last_ms)
FROM
(
    {{ settled_or_live(
        "placement_id, events, last_ms",
        minutes="minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}",
        blocks="minute >= toStartOfFiveMinutes({from:DateTime('UTC')}) AND minute < {to:DateTime('UTC')}",
        many=true,
    ) }}
) AS cells
WHERE placement_id != '' AND events > 0
GROUP BY placement_id
