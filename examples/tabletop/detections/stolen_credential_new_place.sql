-- A credential that has a history asks the control plane what there is, from an address where it was never used.
SELECT look.timestamp AS time, look.who, look.api_operation || ' from ' || look.client_ip AS told
FROM events AS look
WHERE look.kind = 'ai_control_plane' AND look.api_operation IN (SELECT value FROM json_each(:recon_operations))
    AND EXISTS (
        SELECT 1 FROM events AS before
        WHERE before.credential_id_hash = look.credential_id_hash
            AND before.timestamp < strftime('%Y-%m-%dT%H:%M:%SZ', look.timestamp, :recon_window)
    )
    AND NOT EXISTS (
        SELECT 1 FROM events AS before
        WHERE before.credential_id_hash = look.credential_id_hash AND before.client_ip = look.client_ip
            AND before.timestamp < strftime('%Y-%m-%dT%H:%M:%SZ', look.timestamp, :recon_window)
    )
