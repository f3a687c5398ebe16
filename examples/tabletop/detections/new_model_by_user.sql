-- Somebody who has a history calls a model for the first time.
WITH firsts AS (
    SELECT who, model_name, min(timestamp) AS first_call FROM events
    WHERE kind = 'ai_access' AND outcome_status = 'success' AND model_name IS NOT NULL
    GROUP BY who, model_name
)
SELECT first_call AS time, firsts.who, 'first call of ' || firsts.model_name AS told
FROM firsts
JOIN (SELECT who, min(first_call) AS known_since FROM firsts GROUP BY who) AS known ON known.who = firsts.who
WHERE known.known_since < strftime('%Y-%m-%dT%H:%M:%SZ', first_call, :new_model_window)
