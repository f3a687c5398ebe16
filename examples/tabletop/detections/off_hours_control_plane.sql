-- Somebody changes the AI services outside of working hours, and is no pipeline that always does.
SELECT timestamp AS time, who, api_operation AS told
FROM events
WHERE kind = 'ai_control_plane' AND off_hours = 1 AND change_setting IS NOT NULL AND outcome_status = 'success'
    AND who NOT IN (SELECT value FROM json_each(:pipelines))
