-- Somebody uses what belongs to another department.
SELECT timestamp AS time, who, cross_department_user_department || ' uses what belongs to ' || (
    SELECT group_concat(value, ', ') FROM json_each(cross_department_resource_departments)
) AS told
FROM events
WHERE cross_department_user_department IS NOT NULL AND outcome_status = 'success'
