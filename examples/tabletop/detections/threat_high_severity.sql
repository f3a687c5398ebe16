-- A threat rule of severity high found something.
SELECT timestamp AS time, who, (
    SELECT group_concat(DISTINCT json_extract(value, '$.rule_id')) FROM json_each(threats)
    WHERE json_extract(value, '$.severity') = 'high'
) AS told
FROM events
WHERE EXISTS (SELECT 1 FROM json_each(threats) WHERE json_extract(value, '$.severity') = 'high')
