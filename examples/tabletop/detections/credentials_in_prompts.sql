-- A prompt held a credential: whoever can read that prompt has it now.
SELECT timestamp AS time, who, 'a prompt with ' || (
    SELECT group_concat(key, ', ') FROM json_each(findings, '$.prompt')
) AS told
FROM events
WHERE EXISTS (SELECT 1 FROM json_each(classification_rules, '$.prompt') WHERE value = 'credentials')
