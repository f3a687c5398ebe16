-- A model that was denied to somebody answers the same caller soon after.
SELECT allowed.timestamp AS time, allowed.who, allowed.model_name || ', denied at ' || substr(denied.timestamp, 12, 8) AS told
FROM events AS allowed
JOIN events AS denied
    ON denied.who = allowed.who AND denied.model_name = allowed.model_name AND denied.outcome_status = 'denied'
    AND denied.timestamp < allowed.timestamp
    AND denied.timestamp >= strftime('%Y-%m-%dT%H:%M:%SZ', allowed.timestamp, :denied_window)
WHERE allowed.kind = 'ai_access' AND allowed.outcome_status = 'success'
