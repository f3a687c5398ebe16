-- Somebody works with what belongs to another department, several times in an hour.
SELECT last.timestamp AS time, last.who, last.cross_department_user_department || ' works with what belongs to ' || (
    SELECT group_concat(value, ', ') FROM json_each(last.cross_department_resource_departments)
) AS told
FROM events AS last
JOIN events AS earlier
    ON earlier.who = last.who AND earlier.cross_department_user_department IS NOT NULL
    AND earlier.timestamp <= last.timestamp
    AND earlier.timestamp > strftime('%Y-%m-%dT%H:%M:%SZ', last.timestamp, :cross_department_window)
WHERE last.kind = 'ai_access' AND last.cross_department_user_department IS NOT NULL
GROUP BY last.who, last.event_id
HAVING count(*) >= :cross_department_calls
