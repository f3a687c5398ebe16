-- A key was deleted or switched off: beside other alerts it tells when an incident ended; alone it may be sabotage.
SELECT timestamp AS time, who, api_operation || ' of ' || change_target || '; ' || (
    SELECT count(*) FROM events AS denied
    WHERE denied.outcome_status = 'denied' AND denied.timestamp > revoked.timestamp AND EXISTS (
        SELECT 1 FROM events AS worked
        WHERE worked.credential_id_hash = denied.credential_id_hash AND worked.outcome_status = 'success'
            AND worked.timestamp < revoked.timestamp
    )
) || ' calls with keys that worked before are denied since' AS told
FROM events AS revoked
WHERE kind = 'ai_control_plane' AND outcome_status = 'success'
    AND api_operation IN (SELECT value FROM json_each(:revoking_operations))
