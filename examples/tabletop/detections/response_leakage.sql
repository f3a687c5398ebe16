-- An answer lets out what the prompt did not bring in: a credential, the system prompt, a canary.
SELECT timestamp AS time, who, 'an answer with ' || (
    SELECT group_concat(value, ', ') FROM json_each(leakage_kinds)
) AS told
FROM events
WHERE kind = 'ai_access' AND EXISTS (
    SELECT 1 FROM json_each(leakage_kinds) WHERE value IN (SELECT value FROM json_each(:leak_kinds))
)
