"""The queries of ``veilog report``, as data: every number of the report is a cell of one of them.

They are in DuckDB's SQL, over two views (``report/views.py``): ``events`` has a row for each event, ``calls`` has those
of calls to models (``kind`` is ``ai_access``). Columns are fields of ``veilog/1``, with underscores for dots
(``redaction.policy`` is ``redaction_policy``), and a few that the view derives (``who``, ``department``, ``model``,
``data_class``, ``tokens``, ``bucket``). Names of queries and of their result columns are stable: content for SIEMs
answers the same questions under the same names.

The dashboard, ``panels.py``:

    overview, requests_per_user, tokens_and_cost, classification_over_time, guardrails, threats,
    denied_and_throttled, denied_by_user, usage_over_time, usage_by_hour, volume_by_user

The audit report, ``audit.py``:

    audit_access, audit_departments, audit_cross_department, audit_data_categories, audit_findings, audit_redaction,
    audit_leakage, audit_changes, audit_quarantine, audit_failures, audit_gaps, audit_activity, audit_keys,
    audit_policies, audit_detectors, audit_sources
"""

from __future__ import annotations

from typing import Final

from veilog_filters.report.queries.audit import AUDIT
from veilog_filters.report.queries.panels import PANELS
from veilog_filters.report.queries.query import Chart, Query

__all__ = ["AUDIT", "PANELS", "QUERIES", "Chart", "Query"]

QUERIES: Final = (*PANELS, *AUDIT)
"""All of them, in the order of the report."""
