-- Somebody changes or removes a guardrail or the logging of calls, and then does what it forbade.
SELECT violated.timestamp AS time, violated.who, 'after ' || weakened.api_operation AS told
FROM events AS violated
JOIN events AS weakened
    ON weakened.who = violated.who AND weakened.outcome_status = 'success'
    AND weakened.api_operation IN (SELECT value FROM json_each(:weakening_operations))
    AND weakened.timestamp < violated.timestamp
    AND weakened.timestamp >= strftime('%Y-%m-%dT%H:%M:%SZ', violated.timestamp, :weakened_window)
WHERE violated.kind = 'ai_access' AND (
    violated.guardrail_action IN ('blocked', 'flagged')
    OR EXISTS (SELECT 1 FROM json_each(violated.threats) WHERE json_extract(value, '$.severity') = 'high')
    OR EXISTS (
        SELECT 1 FROM json_each(violated.leakage_kinds) WHERE value IN (SELECT value FROM json_each(:leak_kinds))
    )
)
ORDER BY violated.timestamp, weakened.timestamp DESC
