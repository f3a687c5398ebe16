"""The views that the queries of the report ask."""

from __future__ import annotations

from typing import Final

EVENTS: Final = """\
CREATE VIEW events AS
SELECT
    *,
    coalesce(user_name, user_id, '(unknown)') AS who,
    coalesce(user_department, '(none)') AS department,
    coalesce(model_name, '(unknown)') AS model,
    coalesce(token_count, input_tokens + output_tokens, input_tokens, output_tokens) AS tokens,
    CASE
        WHEN 'restricted' IN (prompt_classification, response_classification) THEN 'restricted'
        WHEN 'confidential' IN (prompt_classification, response_classification) THEN 'confidential'
        WHEN 'internal' IN (prompt_classification, response_classification) THEN 'internal'
        WHEN 'public' IN (prompt_classification, response_classification) THEN 'public'
        ELSE '(none)'
    END AS data_class,
    CASE
        WHEN timestamp BETWEEN TIMESTAMP '{first}' AND TIMESTAMP '{last}' THEN date_trunc('{unit}', timestamp)
    END AS bucket
FROM loaded"""
"""The view that queries ask. ``loaded`` has the columns of ``columns.py``, one row for each ``event_id``."""
CALLS: Final = "CREATE VIEW calls AS SELECT * FROM events WHERE kind = 'ai_access'"
