-- Somebody changes an AI service outside of working hours, and is no automation that is known to.
SELECT timestamp AS time, who, api_operation AS told
FROM events
WHERE kind = 'ai_control_plane' AND off_hours = 1 AND outcome_status = 'success'
    AND api_operation NOT LIKE 'List%' AND api_operation NOT LIKE 'Get%' AND api_operation NOT LIKE 'Describe%'
    AND who NOT IN (SELECT value FROM json_each(:excluded_callers))
