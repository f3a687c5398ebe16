-- A threat rule of severity high found something.
SELECT timestamp AS time, who, (
    SELECT group_concat(family, ', ') FROM (
        SELECT DISTINCT json_extract(value, '$.family') AS family FROM json_each(threats)
        WHERE json_extract(value, '$.severity') = 'high'
        ORDER BY family
    )
) AS told
FROM events
WHERE EXISTS (SELECT 1 FROM json_each(threats) WHERE json_extract(value, '$.severity') = 'high')
