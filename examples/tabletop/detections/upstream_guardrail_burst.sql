-- A guardrail stops prompts of one user again and again within minutes.
SELECT stopped.timestamp AS time, stopped.who, 'a guardrail stopped ' || count(*) || ' prompts' AS told
FROM events AS stopped
JOIN events AS earlier
    ON earlier.who = stopped.who AND earlier.guardrail_action = 'blocked'
    AND earlier.timestamp <= stopped.timestamp
    AND earlier.timestamp > strftime('%Y-%m-%dT%H:%M:%SZ', stopped.timestamp, :guardrail_window)
WHERE stopped.guardrail_action = 'blocked'
GROUP BY stopped.who, stopped.event_id
HAVING count(*) >= :guardrail_blocks
