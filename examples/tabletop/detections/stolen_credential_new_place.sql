-- A credential looks around in the control plane from an address it never had before, and then calls a model from there.
WITH places AS (
    SELECT credential_id_hash AS credential, client_ip, min(timestamp) AS first_seen FROM events
    WHERE credential_id_hash IS NOT NULL AND client_ip IS NOT NULL
    GROUP BY credential_id_hash, client_ip
),
looks AS (
    SELECT credential_id_hash AS credential, client_ip, count(DISTINCT api_operation) AS operations,
        max(timestamp) AS last_look
    FROM events
    WHERE kind = 'ai_control_plane' AND (api_operation LIKE 'List%' OR api_operation LIKE 'Get%')
    GROUP BY credential_id_hash, client_ip
)
SELECT min(called.timestamp) AS time, called.who,
    'from ' || called.client_ip || ', after ' || looks.operations || ' kinds of looks around' AS told
FROM events AS called
JOIN looks ON looks.credential = called.credential_id_hash AND looks.client_ip = called.client_ip
JOIN places ON places.credential = looks.credential AND places.client_ip = looks.client_ip
WHERE called.kind = 'ai_access' AND called.outcome_status = 'success'
    AND called.timestamp BETWEEN looks.last_look AND strftime('%Y-%m-%dT%H:%M:%SZ', looks.last_look, :recon_window)
    AND looks.operations >= :recon_operations
    AND EXISTS (
        SELECT 1 FROM places AS earlier
        WHERE earlier.credential = places.credential AND earlier.first_seen < places.first_seen
    )
GROUP BY called.who, called.client_ip
