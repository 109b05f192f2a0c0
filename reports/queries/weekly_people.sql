-- Who came in each week, and who used, as hashes; of events that name a person.
SELECT
    toUnixTimestamp(toDateTime(toMonday(occurred_at, 'Asia/Shanghai'), 'Asia/Shanghai')) * 1000 AS week,
    groupUniqArray(person),
    groupUniqArrayIf(person, kind IN ('use.started', 'use.completed'))
FROM
(
    SELECT occurred_at, kind, reinterpretAsInt64(sipHash64(subject)) AS person
    FROM ({% include source ~ ".sql" %}) AS named
    WHERE subject != ''
) AS people
GROUP BY week
