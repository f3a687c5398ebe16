"""What a plugin that reads a log source needs, and all that it may rely on. ``docs/plugins.md`` shows how.

A source is an object of type ``Source`` that a distribution offers under the entry point ``veilog.sources``::

    [project.entry-points."veilog.sources"]
    acme_gateway = "acme_veilog.source:SOURCE"

What stands in ``__all__`` keeps its meaning as ``API_VERSION`` says (by Semantic Versioning): a later minor version
adds to it, a new major version may take from it. Everything else in ``veilog_parsers`` may change at any time.
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.errors import ErrorType, RecordError
from veilog_parsers.event import (
    Agent,
    AuditEvent,
    Change,
    Cloud,
    Confidence,
    Constant,
    ContentCategory,
    Credential,
    CredentialType,
    Guardrail,
    GuardrailAction,
    GuardrailPolicy,
    Kind,
    Kubernetes,
    Mcp,
    Message,
    Network,
    Operation,
    Outcome,
    RateLimit,
    Role,
    SensitiveText,
    ThreatReporter,
    Timestamp,
    ToolCall,
    UpstreamThreat,
    UpstreamThreatType,
    UserType,
)
from veilog_parsers.record.dropped import Why, note_dropped
from veilog_parsers.record.fields import (
    peek,
    pop,
    pop_count,
    pop_dict,
    pop_identifier,
    pop_number,
    pop_text,
)
from veilog_parsers.record.network import pop_address, pop_endpoint
from veilog_parsers.record.outcomes import outcome_of_status
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_time
from veilog_parsers.source import Source, Stability

API_VERSION: Final = "1.1"

__all__ = (
    "API_VERSION",
    "Agent",
    "AuditEvent",
    "Change",
    "Cloud",
    "Confidence",
    "Constant",
    "ContentCategory",
    "Credential",
    "CredentialType",
    "ErrorType",
    "Fields",
    "Guardrail",
    "GuardrailAction",
    "GuardrailPolicy",
    "Kind",
    "Kubernetes",
    "Mcp",
    "Message",
    "Network",
    "Operation",
    "Outcome",
    "RateLimit",
    "RecordError",
    "Role",
    "SensitiveText",
    "Source",
    "Stability",
    "ThreatReporter",
    "Timestamp",
    "ToolCall",
    "UpstreamThreat",
    "UpstreamThreatType",
    "UserType",
    "Why",
    "note_dropped",
    "outcome_of_status",
    "peek",
    "pop",
    "pop_address",
    "pop_count",
    "pop_dict",
    "pop_endpoint",
    "pop_identifier",
    "pop_number",
    "pop_text",
    "pop_time",
)
