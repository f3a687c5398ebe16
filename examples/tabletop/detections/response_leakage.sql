-- An answer lets out what the prompt did not bring in.
SELECT timestamp AS time, who, 'an answer with ' || (
    SELECT group_concat(value, ', ') FROM json_each(leakage_kinds)
) AS told
FROM events
WHERE leakage_kinds IS NOT NULL
