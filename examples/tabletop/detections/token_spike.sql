-- Somebody uses many times the tokens of an hour that are usual for them.
WITH hours AS (
    SELECT who, substr(timestamp, 1, 13) AS hour, sum(token_count) AS tokens FROM events
    WHERE token_count IS NOT NULL
    GROUP BY who, hour
),
usual AS (
    SELECT now.who, now.hour, avg(before.tokens) AS tokens
    FROM hours AS now
    JOIN hours AS before ON before.who = now.who AND before.hour < now.hour
    GROUP BY now.who, now.hour
    HAVING count(*) >= :spike_history_hours
),
running AS (
    SELECT who, substr(timestamp, 1, 13) AS hour, timestamp,
        sum(token_count) OVER (PARTITION BY who, substr(timestamp, 1, 13) ORDER BY timestamp) AS tokens
    FROM events
    WHERE token_count IS NOT NULL
)
SELECT min(running.timestamp) AS time, running.who,
    'more than ' || :spike_factor || ' times the usual ' || cast(round(usual.tokens) AS INTEGER) || ' tokens an hour' AS told
FROM running
JOIN usual ON usual.who = running.who AND usual.hour = running.hour
WHERE running.tokens > max(:spike_floor, :spike_factor * usual.tokens)
GROUP BY running.who, running.hour
