-- A guardrail is changed or removed, and soon after an answer lets out what it would have stopped.
SELECT leaked.timestamp AS time, leaked.who,
    'a leaking answer after ' || changed.api_operation || ' by ' || changed.who AS told
FROM events AS leaked
JOIN events AS changed
    ON changed.tenant_id = leaked.tenant_id AND changed.change_setting = 'guardrail'
    AND changed.api_operation NOT LIKE 'Create%' AND changed.outcome_status = 'success'
    AND changed.timestamp < leaked.timestamp
    AND changed.timestamp >= strftime('%Y-%m-%dT%H:%M:%SZ', leaked.timestamp, :weakened_window)
WHERE leaked.leakage_kinds IS NOT NULL
ORDER BY leaked.timestamp, changed.timestamp DESC
