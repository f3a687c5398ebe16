-- Somebody was denied several times, and then was not: a search for what a credential may do.
SELECT min(allowed.timestamp) AS time, allowed.who,
    'allowed after being denied ' || count(DISTINCT denied.event_id) || ' times' AS told
FROM events AS allowed
JOIN events AS denied
    ON denied.who = allowed.who AND denied.outcome_status = 'denied'
    AND denied.timestamp < allowed.timestamp
    AND denied.timestamp >= strftime('%Y-%m-%dT%H:%M:%SZ', allowed.timestamp, :denied_window)
WHERE allowed.kind = 'ai_access' AND allowed.outcome_status = 'success'
GROUP BY allowed.who, allowed.event_id
HAVING count(DISTINCT denied.event_id) >= :denied_calls
