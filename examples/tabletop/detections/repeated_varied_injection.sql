-- Somebody tries one injection in several wordings: the prompts differ, and share a key of their sketches.
WITH keys AS (
    SELECT events.event_id, events.who, events.timestamp, events.prompt_hash, key.value AS sketch
    FROM events, json_each(events.prompt_sketch) AS key
    WHERE events.upstream_threats IS NOT NULL OR EXISTS (
        SELECT 1 FROM json_each(events.threats)
        WHERE json_extract(value, '$.family') IN (SELECT value FROM json_each(:injection_families))
    )
),
attempts AS (
    SELECT last.who, last.timestamp, last.sketch, count(DISTINCT earlier.prompt_hash) AS wordings
    FROM keys AS last
    JOIN keys AS earlier
        ON earlier.who = last.who AND earlier.sketch = last.sketch
        AND earlier.timestamp <= last.timestamp
        AND earlier.timestamp > strftime('%Y-%m-%dT%H:%M:%SZ', last.timestamp, :wording_window)
    GROUP BY last.who, last.event_id, last.sketch
)
SELECT timestamp AS time, who, max(wordings) || ' wordings of one injection' AS told
FROM attempts
WHERE wordings >= :wordings
GROUP BY who, timestamp
