"""The dashboard: who uses what, how much, when, and what was refused."""

from __future__ import annotations

from typing import Final

from veilog_filters.report.queries.query import Chart, Query

PANELS: Final = (
    Query(
        name="overview",
        title="Overview",
        why="What the report rests on. Each event counts once, however often it was delivered.",
        sql="""\
SELECT
    count(*) AS events,
    count(*) FILTER (kind = 'ai_access') AS calls,
    count(DISTINCT coalesce(user_name, user_id)) FILTER (kind = 'ai_access') AS users,
    count(DISTINCT user_department) FILTER (kind = 'ai_access') AS departments,
    count(DISTINCT model_name) FILTER (kind = 'ai_access') AS models,
    coalesce(sum(tokens) FILTER (kind = 'ai_access'), 0) AS tokens,
    coalesce(sum(cost_usd) FILTER (kind = 'ai_access'), 0) AS cost_usd,
    count(*) FILTER (kind = 'ai_access' AND data_class IN ('confidential', 'restricted')) AS sensitive_calls,
    count(*) FILTER (kind = 'quarantine') AS quarantined,
    min(timestamp) AS first_event,
    max(timestamp) AS last_event
FROM events""",
    ),
    Query(
        name="requests_per_user",
        title="Requests per user",
        why="Who calls models, and how often.",
        sql="""\
SELECT who, department, count(*) AS calls, sum(tokens) AS tokens, sum(cost_usd) AS cost_usd, max(timestamp) AS last_call
FROM calls
GROUP BY who, department
ORDER BY calls DESC, who, department""",
        charts=(Chart(kind="bars", x="calls", y="who"),),
    ),
    Query(
        name="tokens_and_cost",
        title="Tokens and cost per model and department",
        why="Costs are those that the sources tell; where none does, the cell is empty. Nothing is estimated.",
        sql="""\
SELECT
    model, department, count(*) AS calls,
    sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, sum(tokens) AS tokens,
    sum(cost_usd) AS cost_usd
FROM calls
GROUP BY model, department
ORDER BY tokens DESC NULLS LAST, calls DESC, model, department""",
        charts=(
            Chart(kind="bars", x="tokens", y="model", color="department"),
            Chart(kind="bars", x="cost_usd", y="model", color="department"),
        ),
    ),
    Query(
        name="classification_over_time",
        title="Classification over time",
        why="The class of a call is the higher one of its prompt and its response. Calls without texts have none.",
        sql="""\
SELECT bucket, data_class, count(*) AS calls
FROM calls
WHERE bucket IS NOT NULL
GROUP BY bucket, data_class
ORDER BY bucket, data_class""",
        charts=(Chart(kind="columns", x="bucket", y="calls", color="data_class"),),
        empty="No call has a time.",
    ),
    Query(
        name="guardrails",
        title="What guardrails did",
        why="Verdicts of the sources' own guardrails and content filters. A call counts for each policy that found "
        "something.",
        sql="""\
SELECT policy, guardrail_action AS action, count(*) AS calls, count(DISTINCT who) AS users, max(timestamp) AS last_call
FROM (
    SELECT *, unnest(CASE WHEN len(guardrail_policies) > 0 THEN guardrail_policies ELSE ['(not told)'] END) AS policy
    FROM calls
    WHERE guardrail_action IS NOT NULL
)
GROUP BY policy, action
ORDER BY calls DESC, policy, action""",
        charts=(Chart(kind="bars", x="calls", y="policy", color="action"),),
        empty="No source reports a guardrail.",
    ),
    Query(
        name="threats",
        title="Threats that sources report",
        why="What the services themselves took for an attack or a leak. An event counts for each threat in it.",
        sql="""\
SELECT
    threat.type AS threat, threat.reporter AS reporter, count(*) AS events, count(DISTINCT who) AS users,
    max(timestamp) AS last_event
FROM (SELECT who, timestamp, unnest(upstream_threats) AS threat FROM events)
GROUP BY threat.type, threat.reporter
ORDER BY events DESC, threat, reporter""",
        charts=(Chart(kind="bars", x="events", y="threat", color="reporter"),),
        empty="No source reports a threat.",
    ),
    Query(
        name="denied_and_throttled",
        title="Denied and throttled over time",
        why="Calls that a permission, a limit or a content filter stopped.",
        sql="""\
SELECT bucket, outcome_status AS outcome, count(*) AS calls
FROM calls
WHERE outcome_status IN ('denied', 'throttled', 'content_filtered') AND bucket IS NOT NULL
GROUP BY bucket, outcome
ORDER BY bucket, outcome""",
        charts=(Chart(kind="columns", x="bucket", y="calls", color="outcome"),),
        empty="No call that has a time was denied, throttled or filtered.",
    ),
    Query(
        name="denied_by_user",
        title="Denied and throttled by user",
        why="Whom it happened to, and with which model.",
        sql="""\
SELECT who, department, model, outcome_status AS outcome, error_code, count(*) AS calls, max(timestamp) AS last_call
FROM calls
WHERE outcome_status IN ('denied', 'throttled', 'content_filtered')
GROUP BY who, department, model, outcome, error_code
ORDER BY calls DESC, who, department, model, outcome, error_code""",
        charts=(Chart(kind="bars", x="calls", y="who", color="outcome"),),
        empty="No call was denied, throttled or filtered.",
    ),
    Query(
        name="usage_over_time",
        title="Usage over time by user",
        why="The twenty users with the most calls. A field that stands out is a time to ask about.",
        sql="""\
WITH most AS (SELECT who FROM calls GROUP BY who ORDER BY count(*) DESC, who LIMIT 20)
SELECT who, bucket, count(*) AS calls, sum(tokens) AS tokens
FROM calls
WHERE bucket IS NOT NULL AND who IN (SELECT who FROM most)
GROUP BY who, bucket
ORDER BY who, bucket""",
        charts=(Chart(kind="heat", x="bucket", y="who", color="calls"),),
        empty="No call has a time.",
    ),
    Query(
        name="usage_by_hour",
        title="Usage by hour of the day",
        why="The twenty users with the most calls; hours are in UTC. Work at odd hours stands out.",
        sql="""\
WITH most AS (SELECT who FROM calls GROUP BY who ORDER BY count(*) DESC, who LIMIT 20)
SELECT who, hour(timestamp) AS hour_utc, count(*) AS calls
FROM calls
WHERE timestamp IS NOT NULL AND who IN (SELECT who FROM most)
GROUP BY who, hour_utc
ORDER BY who, hour_utc""",
        charts=(Chart(kind="heat", x="hour_utc", y="who", color="calls"),),
        empty="No call has a time.",
    ),
    Query(
        name="volume_by_user",
        title="Volume by user",
        why="How much was sent and received. Characters are counted by veilog; bytes are those that the sources tell.",
        sql="""\
SELECT
    who, department, count(*) AS calls,
    coalesce(sum(prompt_chars), 0) + coalesce(sum(response_chars), 0) AS characters,
    sum(prompt_chars) AS prompt_chars, sum(response_chars) AS response_chars,
    sum(request_bytes) AS request_bytes, sum(response_bytes) AS response_bytes,
    max(prompt_chars) AS longest_prompt_chars
FROM calls
GROUP BY who, department
ORDER BY characters DESC, calls DESC, who, department""",
        charts=(Chart(kind="bars", x="characters", y="who"),),
    ),
)
