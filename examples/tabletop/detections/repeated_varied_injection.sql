-- Somebody tries one injection in several wordings: the prompts are different, and share keys of their sketches.
WITH suspects AS (
    SELECT event_id, who, timestamp, prompt_hash, prompt_sketch FROM events
    WHERE guardrail_action = 'blocked' OR threats IS NOT NULL OR upstream_threats IS NOT NULL
),
keys AS (
    SELECT suspects.event_id, suspects.who, suspects.timestamp, suspects.prompt_hash, key.value AS sketch
    FROM suspects, json_each(suspects.prompt_sketch) AS key
)
SELECT last.timestamp AS time, last.who,
    count(DISTINCT earlier.prompt_hash) || ' wordings of one injection' AS told
FROM keys AS last
JOIN keys AS earlier
    ON earlier.who = last.who AND earlier.sketch = last.sketch
    AND earlier.timestamp <= last.timestamp
    AND earlier.timestamp > strftime('%Y-%m-%dT%H:%M:%SZ', last.timestamp, :wording_window)
GROUP BY last.who, last.event_id
HAVING count(DISTINCT earlier.prompt_hash) >= :wordings
