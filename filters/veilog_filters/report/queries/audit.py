"""The audit report: what a regulated company hands to its regulator each quarter."""

from __future__ import annotations

from typing import Final

from veilog_filters.report.queries.query import Chart, Query

AUDIT: Final = (
    Query(
        name="audit_access",
        title="Who used which model with which class of data",
        why="A row for each user, model and class, the most sensitive first. The class of a call is the higher one of "
        "its prompt and its response.",
        sql="""\
SELECT
    department, who, user_type, provider, model, data_class, count(*) AS calls,
    min(timestamp) AS first_call, max(timestamp) AS last_call
FROM calls
GROUP BY department, who, user_type, provider, model, data_class
ORDER BY
    list_position(['restricted', 'confidential', 'internal', 'public', '(none)'], data_class),
    calls DESC, department, who, user_type, provider, model""",
    ),
    Query(
        name="audit_departments",
        title="Access by department",
        why="How many calls of each class each department made. Departments come from the lookup in veilog's "
        "configuration.",
        sql="""\
SELECT department, data_class, count(*) AS calls, count(DISTINCT who) AS users, count(DISTINCT model_name) AS models
FROM calls
GROUP BY department, data_class
ORDER BY
    department, list_position(['restricted', 'confidential', 'internal', 'public', '(none)'], data_class)""",
        charts=(Chart(kind="bars", x="calls", y="department", color="data_class"),),
    ),
    Query(
        name="audit_cross_department",
        title="Access across departments",
        why="Calls to a model that belongs to another department than the caller. Each row wants a reason.",
        sql="""\
SELECT
    user_department, model_department, who, model, data_class, count(*) AS calls,
    min(timestamp) AS first_call, max(timestamp) AS last_call
FROM calls
WHERE user_department <> model_department
GROUP BY user_department, model_department, who, model, data_class
ORDER BY calls DESC, user_department, model_department, who, model, data_class""",
        charts=(Chart(kind="heat", x="model_department", y="user_department", color="calls"),),
        empty="No call reached a model of another department, as far as the lookups know departments.",
    ),
    Query(
        name="audit_data_categories",
        title="Kinds of data by department",
        why="What kinds of data stood in prompts and responses. A call counts for each kind.",
        sql="""\
SELECT category, department, count(*) AS calls, count(DISTINCT who) AS users
FROM (SELECT who, department, unnest(data_categories) AS category FROM calls)
GROUP BY category, department
ORDER BY calls DESC, category, department""",
        charts=(Chart(kind="bars", x="calls", y="category", color="department"),),
        empty="No kind of data was found in any call.",
    ),
    Query(
        name="audit_findings",
        title="What was found in texts",
        why="Spans that the detectors found, by type of entity. Texts leave with these replaced, or not at all.",
        sql="""\
SELECT entity, side, count(*) AS events, sum(spans) AS spans
FROM (
    SELECT 'prompt' AS side, unnest(map_keys(findings_prompt)) AS entity, unnest(map_values(findings_prompt)) AS spans
    FROM events
    UNION ALL
    SELECT 'response', unnest(map_keys(findings_response)), unnest(map_values(findings_response))
    FROM events
)
GROUP BY entity, side
ORDER BY spans DESC, entity, side""",
        charts=(Chart(kind="bars", x="spans", y="entity", color="side"),),
        empty="The detectors found nothing.",
    ),
    Query(
        name="audit_redaction",
        title="Coverage of redaction",
        why="Complete: all texts were read to their ends. Truncated texts were cut where reading stopped, and the rest "
        "did not leave; of timed-out ones the whole text counts as found. Dropped and unmapped fields did not leave, "
        "unless the policy keeps unmapped ones, cleaned.",
        sql="""\
SELECT
    source, count(*) AS events,
    count(*) FILTER (redaction_status = 'complete') AS complete,
    count(*) FILTER (redaction_status = 'truncated') AS truncated,
    count(*) FILTER (redaction_status = 'timed_out') AS timed_out,
    count(*) FILTER (redaction_status IS NULL AND kind <> 'quarantine') AS without_proof,
    count(*) FILTER (kind = 'quarantine') AS quarantined,
    round(100.0 * count(*) FILTER (redaction_status = 'complete') / count(*), 2) AS complete_percent,
    coalesce(sum(redaction_truncated_bytes), 0) AS truncated_bytes,
    coalesce(sum(redaction_dropped_fields), 0) AS dropped_fields,
    coalesce(sum(redaction_unmapped_fields), 0) AS unmapped_fields,
    coalesce(sum(redaction_hashed_fields), 0) AS hashed_fields
FROM events
GROUP BY source
ORDER BY events DESC, source""",
    ),
    Query(
        name="audit_leakage",
        title="What answers let out",
        why="Answers with personal data, credentials, the system prompt or a canary that the prompt did not bring in. "
        "An answer counts for each kind.",
        sql="""\
SELECT
    leaked, who, model, count(*) AS calls, min(timestamp) AS first_call, max(timestamp) AS last_call
FROM (SELECT *, unnest(leakage_kinds) AS leaked FROM calls)
GROUP BY leaked, who, model
ORDER BY calls DESC, leaked, who, model""",
        charts=(Chart(kind="bars", x="calls", y="leaked", color="model"),),
        empty="No answer let out what its prompt did not bring in.",
    ),
    Query(
        name="audit_changes",
        title="Changes of what protects",
        why="Operations of control planes that change a setting on which protection depends: guardrails, logging of "
        "calls, keys, access to models, policies. Afterwards the setting is on or off, where the operation "
        "tells. Each row wants a reason.",
        sql="""\
SELECT
    change_setting AS setting, CASE change_enabled WHEN true THEN 'on' WHEN false THEN 'off' END AS afterwards,
    who, outcome_status AS outcome, count(*) AS events,
    min(timestamp) AS first_event, max(timestamp) AS last_event
FROM events
WHERE change_setting IS NOT NULL
GROUP BY setting, afterwards, who, outcome
ORDER BY last_event DESC NULLS LAST, setting, afterwards, who, outcome""",
        empty="No event tells of such a change.",
    ),
    Query(
        name="audit_quarantine",
        title="Quarantine",
        why="Records that could not be shown. Of each, nothing left but its length and a keyed hash.",
        sql="""\
SELECT
    source, error_type, count(*) AS events, sum(raw_bytes) AS raw_bytes, min(timestamp) AS first_event,
    max(timestamp) AS last_event
FROM events
WHERE kind = 'quarantine'
GROUP BY source, error_type
ORDER BY events DESC, source, error_type""",
        empty="No record went to quarantine.",
    ),
    Query(
        name="audit_failures",
        title="Failures",
        why="Calls that did not succeed, by how they ended.",
        sql="""\
SELECT
    provider, model, outcome_status AS outcome, error_code, count(*) AS calls, count(DISTINCT who) AS users,
    min(timestamp) AS first_call, max(timestamp) AS last_call
FROM calls
WHERE outcome_status <> 'success'
GROUP BY provider, model, outcome, error_code
ORDER BY calls DESC, provider, model, outcome, error_code""",
        empty="No call failed.",
    ),
    Query(
        name="audit_gaps",
        title="Gaps in time",
        why="An hour or more in which no event came from any source, and a day or more in which none came from a "
        "source that had some before and after. A gap is a question, not an error: nights and weekends show here too.",
        sql="""\
WITH steps AS (
    SELECT
        '(all sources)' AS source, timestamp AS gap_end, 1 AS least_hours,
        lag(timestamp) OVER (ORDER BY timestamp) AS gap_start
    FROM events
    WHERE timestamp IS NOT NULL
    UNION ALL
    SELECT source, timestamp, 24, lag(timestamp) OVER (PARTITION BY source ORDER BY timestamp)
    FROM events
    WHERE timestamp IS NOT NULL
)
SELECT source, gap_start, gap_end, round((epoch_ms(gap_end) - epoch_ms(gap_start)) / 3600000.0, 2) AS hours
FROM steps
WHERE epoch_ms(gap_end) - epoch_ms(gap_start) >= 3600000 * least_hours
ORDER BY hours DESC, source, gap_start""",
        empty="There is no gap.",
    ),
    Query(
        name="audit_activity",
        title="Events of each source over time",
        why="A hole in a row is a time in which a source told nothing.",
        sql="""\
SELECT source, bucket, count(*) AS events
FROM events
WHERE bucket IS NOT NULL
GROUP BY source, bucket
ORDER BY source, bucket""",
        charts=(Chart(kind="heat", x="bucket", y="source", color="events"),),
        empty="No event has a time.",
    ),
    Query(
        name="audit_keys",
        title="Hash keys and their rotation",
        why="Which keys made the hashes, and when. During a rotation events have hashes under the previous key too. "
        "Hashes under different keys cannot be compared.",
        sql="""\
SELECT key_id, used_as, count(*) AS events, min(timestamp) AS first_event, max(timestamp) AS last_event
FROM (
    SELECT hash_key_id AS key_id, 'current' AS used_as, timestamp FROM events
    UNION ALL
    SELECT previous_hashes_hash_key_id, 'previous', timestamp FROM events
)
WHERE key_id IS NOT NULL
GROUP BY key_id, used_as
ORDER BY first_event NULLS LAST, key_id, used_as""",
        empty="No event has a hash.",
    ),
    Query(
        name="audit_policies",
        title="Policies",
        why="Under which policies the events were made: policy.name of the configuration. Give each version a name "
        "of its own.",
        sql="""\
SELECT redaction_policy AS policy, count(*) AS events, min(timestamp) AS first_event, max(timestamp) AS last_event
FROM events
WHERE redaction_policy IS NOT NULL
GROUP BY policy
ORDER BY first_event NULLS LAST, policy""",
        empty="No event names a policy.",
    ),
    Query(
        name="audit_detectors",
        title="Detectors and their versions",
        why="What looked for personal data and credentials, and in which version.",
        sql="""\
SELECT
    split_part(detector, '/', 1) AS detector, split_part(detector, '/', 2) AS version, count(*) AS events,
    min(timestamp) AS first_event, max(timestamp) AS last_event
FROM (SELECT unnest(redaction_detectors) AS detector, timestamp FROM events)
GROUP BY ALL
ORDER BY detector, version""",
        empty="No event names a detector.",
    ),
    Query(
        name="audit_sources",
        title="Sources and kinds of events",
        why="What was logged at all. An event without a time, or with one far from all others, is in no chart.",
        sql="""\
SELECT
    source, kind, count(*) AS events, count(*) FILTER (bucket IS NULL) AS not_in_charts,
    min(timestamp) AS first_event, max(timestamp) AS last_event
FROM events
GROUP BY source, kind
ORDER BY events DESC, source, kind""",
    ),
)
