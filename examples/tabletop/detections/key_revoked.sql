-- A credential that worked is denied after keys were taken away: it is contained, and somebody still tries.
SELECT min(denied.timestamp) AS time, denied.who,
    'denied after ' || min(taken.api_operation) || ', still tried from ' || denied.client_ip AS told
FROM events AS denied
JOIN events AS taken
    ON taken.tenant_id = denied.tenant_id AND taken.outcome_status = 'success'
    AND taken.api_operation IN (
        'DeleteServiceSpecificCredential', 'DeleteAccessKey', 'AttachUserPolicy', 'UpdateAccessKey'
    )
    AND taken.timestamp < denied.timestamp
    AND taken.timestamp >= strftime('%Y-%m-%dT%H:%M:%SZ', denied.timestamp, :revoked_window)
WHERE denied.outcome_status = 'denied' AND EXISTS (
    SELECT 1 FROM events AS worked
    WHERE worked.credential_id_hash = denied.credential_id_hash AND worked.outcome_status = 'success'
        AND worked.timestamp < taken.timestamp
)
GROUP BY denied.who
