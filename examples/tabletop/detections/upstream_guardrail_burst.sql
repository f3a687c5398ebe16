-- The source's own guardrail stops one caller again and again.
SELECT last.timestamp AS time, last.who, 'a guardrail stopped ' || count(*) || ' prompts' AS told
FROM events AS last
JOIN events AS earlier
    ON earlier.who = last.who AND (earlier.guardrail_action = 'blocked' OR earlier.upstream_threats IS NOT NULL)
    AND earlier.timestamp <= last.timestamp
    AND earlier.timestamp > strftime('%Y-%m-%dT%H:%M:%SZ', last.timestamp, :guardrail_window)
WHERE last.guardrail_action = 'blocked' OR last.upstream_threats IS NOT NULL
GROUP BY last.who, last.event_id
HAVING count(*) >= :guardrail_blocks
