-- A prompt held a credential, which everybody has now who can read the prompt.
SELECT timestamp AS time, who, 'a prompt with ' || (
    SELECT group_concat(key, ', ') FROM json_each(findings, '$.prompt')
) AS told
FROM events
WHERE kind = 'ai_access' AND EXISTS (SELECT 1 FROM json_each(classification_rules, '$.prompt') WHERE value = 'credentials')
