"""The common schema: one typed event for every AI log source.

A parser turns a raw record into an ``AuditEvent``; the filters complete it (labels, hashes, redaction); an encoder
writes it. This module is the only place where a field of the schema is declared: its group, its unit, its
description and how its text must be treated all stand beside its type, and the JSON Schema is generated from that.

Text is the dangerous part, so its type tells what it is. Text of a raw record is ``SensitiveText``: its ``repr`` and
``str`` show its length, never the text, and encoders refuse it. A string leaves the host only as one of five types, and
each of these is made in few places:

``Constant``
    Written in our code or in the configuration: never copied from a record.
``Timestamp``
    A record's time in RFC 3339, UTC, made by ``record.times``.
``Digest``
    A keyed hash, made by ``fingerprint``.
``Name``
    A value of a record that fits the grammar of its field, made by ``gate``.
``CleanText``
    Text whose findings were removed, made by ``redact``, only where the policy keeps text.

Each field of the schema says which of these it may hold; the encoder refuses all else. A field that a parser filled and
no stage cleaned is therefore an error when it is encoded, not a leak.
"""

from __future__ import annotations

import dataclasses
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, Final, NoReturn

SCHEMA_ID: Final = "veilog/1"


class SensitiveText:
    """Raw text from a record, sealed: only ``reveal()`` returns it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The raw text. Review every call of this method: the text must not leave the process uncleaned."""
        return self._text

    def __len__(self) -> int:
        return len(self._text)

    def __repr__(self) -> str:
        return f"<SensitiveText {len(self._text)} chars>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("SensitiveText is not serializable: redact it first")


class SensitiveTree:
    """A raw JSON tree (``unmapped``), sealed like ``SensitiveText``: its repr shows how many keys it has."""

    __slots__ = ("_tree",)

    def __init__(self, tree: dict[str, Any]) -> None:
        self._tree = tree

    def reveal(self) -> dict[str, Any]:
        """The raw tree; see ``SensitiveText.reveal``."""
        return self._tree

    def __bool__(self) -> bool:
        return bool(self._tree)

    def __repr__(self) -> str:
        return f"<SensitiveTree {len(self._tree)} keys>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("SensitiveTree is not serializable: redact it first")


class Constant(str):
    """A string that is written in our code or in the configuration."""

    __slots__ = ()


class Timestamp(str):
    """A time in RFC 3339, UTC. Constructed in ``record.times`` alone."""

    __slots__ = ()


class Digest(str):
    """A keyed hash. Constructed in the filters' ``fingerprint`` alone."""

    __slots__ = ()


class Name(str):
    """A record's value that fits the grammar of its field. Constructed in the filters' ``gate`` alone."""

    __slots__ = ()


class CleanText(str):
    """Text whose findings were removed. Constructed in the filters' ``redact`` alone, where the policy keeps text."""

    __slots__ = ()


Text = SensitiveText | Constant | Name | Digest
"""A name in an event: sealed until the gate has replaced it by one of the other types."""


class Kind(StrEnum):
    """What an event is about. Only ``ai_access`` events can carry prompts and responses."""

    AI_ACCESS = "ai_access"
    AI_CONTROL_PLANE = "ai_control_plane"
    OTHER = "other"
    QUARANTINE = "quarantine"
    USAGE = "usage"


class UserType(StrEnum):
    """The kind of caller, as coarse as every source can tell."""

    USER = "user"
    SERVICE = "service"
    ROLE = "role"
    ANONYMOUS = "anonymous"


class Operation(StrEnum):
    """``gen_ai.operation.name`` of the OpenTelemetry GenAI conventions; the last two are ours."""

    CHAT = "chat"
    TEXT_COMPLETION = "text_completion"
    GENERATE_CONTENT = "generate_content"
    EMBEDDINGS = "embeddings"
    RETRIEVAL = "retrieval"
    CREATE_AGENT = "create_agent"
    INVOKE_AGENT = "invoke_agent"
    EXECUTE_TOOL = "execute_tool"
    IMAGE_GENERATION = "image_generation"
    MODERATION = "moderation"


class Outcome(StrEnum):
    """How the call ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    DENIED = "denied"
    THROTTLED = "throttled"
    CONTENT_FILTERED = "content_filtered"


class Level(IntEnum):
    """Data classification, ordered: comparing levels compares sensitivity."""

    PUBLIC = 0
    INTERNAL = 1
    CONFIDENTIAL = 2
    RESTRICTED = 3

    @property
    def label(self) -> str:
        """The level as events spell it, e.g. ``confidential``."""
        return self.name.lower()


class RedactionStatus(StrEnum):
    """How completely the detectors saw the texts of an event."""

    COMPLETE = "complete"
    TRUNCATED = "truncated"
    TIMED_OUT = "timed_out"


class Role(StrEnum):
    """The speaker of a message. ``developer`` messages count as ``system``."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclasses.dataclass(slots=True)
class Message:
    """One turn: a role and its texts in order (content parts, tool-call arguments, tool results)."""

    role: Role
    parts: list[SensitiveText]


class Handling(StrEnum):
    """How the redaction stage treats a text field."""

    IDENTITY = "identity"
    """Names a person or a session: the policy keeps or pseudonymizes it; secrets and card numbers always go."""
    IDENTIFIER = "identifier"
    """Names a thing (model, endpoint, request): inspected, but not for entities that such names look like."""
    WORKING = "working"
    """Raw material for later stages. Never encoded."""


def _part(doc: str, default: Any = None) -> Any:
    """A field of an object inside an event; a type as its default makes a new one for each object."""
    if isinstance(default, type):
        return dataclasses.field(default_factory=default, metadata={"doc": doc})
    return dataclasses.field(default=default, metadata={"doc": doc})


def _named(doc: str) -> Any:
    """A name of a thing, or names, in an object inside an event: cleaned as fields that are ``Handling.IDENTIFIER``."""
    return dataclasses.field(default=None, metadata={"doc": doc, "handling": Handling.IDENTIFIER})


@dataclasses.dataclass(slots=True, kw_only=True)
class ToolCall:
    """A tool that the model asked for. ``arguments`` is kept only where the content policy keeps text."""

    name: Text | None = _part("Name of the tool.")
    arguments: SensitiveText | CleanText | None = _part(
        "What the tool was called with, as the text of its JSON, cleaned; only under `content: redacted`."
    )
    status: Outcome | None = _part("How the tool's work ended, where the source tells.")


@dataclasses.dataclass(slots=True, kw_only=True)
class Cloud:
    """Where in a cloud the call was made."""

    provider: Text | None = _named("The cloud or platform, for example aws, azure or gcp.")
    account_id: Text | None = _named("Account (AWS), subscription (Azure) or project (Google Cloud).")
    region: Text | None = _named("Region or location, as the cloud names it.")
    resource: Text | None = _named("What was called: an ARN, a resource id or a resource path.")


class GuardrailAction(StrEnum):
    """What a guardrail or a content filter did, the strongest of its actions."""

    NONE = "none"
    FLAGGED = "flagged"
    MASKED = "masked"
    BLOCKED = "blocked"


class GuardrailPolicy(StrEnum):
    """Which policy of a guardrail or a content filter found something."""

    TOPIC = "topic"
    CONTENT = "content"
    WORD = "word"
    SENSITIVE_INFO = "sensitive_info"
    GROUNDING = "grounding"
    AUTOMATED_REASONING = "automated_reasoning"
    JAILBREAK = "jailbreak"
    INDIRECT_ATTACK = "indirect_attack"
    PROTECTED_MATERIAL = "protected_material"


class ContentCategory(StrEnum):
    """Harmful content that a filter found, in the words that most providers share."""

    HATE = "hate"
    HARASSMENT = "harassment"
    INSULTS = "insults"
    SEXUAL = "sexual"
    VIOLENCE = "violence"
    SELF_HARM = "self_harm"
    MISCONDUCT = "misconduct"
    DANGEROUS = "dangerous"


class Confidence(StrEnum):
    """How sure a filter was, or how severe what it found: the highest that it tells."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclasses.dataclass(slots=True, kw_only=True)
class Guardrail:
    """What the source's own guardrail or content filter decided on a call."""

    id: Text | None = _named("Id, name or ARN of the guardrail.")
    version: Text | None = _named("Version of the guardrail.")
    action: GuardrailAction | None = _part("What it did.")
    policies: list[GuardrailPolicy] | None = _part("Which of its policies found something.")
    categories: list[ContentCategory] | None = _part("Which harmful content it found.")
    confidence: Confidence | None = _part("The highest confidence or severity among its findings.")


class UpstreamThreatType(StrEnum):
    """A threat that the source itself reports."""

    JAILBREAK = "jailbreak"
    PROMPT_INJECTION = "prompt_injection"
    INDIRECT_INJECTION = "indirect_injection"
    MALICIOUS_URL = "malicious_url"
    DATA_LEAK = "data_leak"
    MALICIOUS_CODE = "malicious_code"


class ThreatReporter(StrEnum):
    """The services and products whose verdicts are read."""

    AWS_BEDROCK = "aws_bedrock"
    AZURE_AI = "azure_ai"
    CLOUDFLARE = "cloudflare"
    GOOGLE_MODEL_ARMOR = "google_model_armor"
    LAKERA = "lakera"
    LITELLM = "litellm"
    M365_COPILOT = "m365_copilot"
    NETSKOPE = "netskope"
    OPENAI = "openai"
    PRISMA_AIRS = "prisma_airs"
    ZSCALER = "zscaler"


@dataclasses.dataclass(slots=True, kw_only=True)
class UpstreamThreat:
    """A threat that a source reports, and who reports it."""

    reporter: ThreatReporter = dataclasses.field(metadata={"doc": "Who found it."})
    type: UpstreamThreatType = dataclasses.field(metadata={"doc": "What was found."})


class CredentialType(StrEnum):
    """With what a caller was authenticated."""

    API_KEY = "api_key"
    LONG_TERM_KEY = "long_term_key"
    TEMPORARY = "temporary"
    OAUTH = "oauth"
    BEARER = "bearer"
    SERVICE_ACCOUNT = "service_account"
    FEDERATED = "federated"


@dataclasses.dataclass(slots=True, kw_only=True)
class Credential:
    """The credential of a call. Its id leaves as a keyed hash: calls with the same credential have the same."""

    type: CredentialType | None = _part("Kind of credential.")
    id_hash: SensitiveText | Digest | None = _part("Keyed hash of the credential's id, never of a secret.")
    mfa: bool | None = _part("Whether the caller was authenticated with a second factor.")


@dataclasses.dataclass(slots=True, kw_only=True)
class Agent:
    """The agent that called the model or the tool."""

    id: Text | None = _named("Id of the agent.")
    name: Text | None = _named("Name of the agent.")
    version: Text | None = _named("Version of the agent.")


@dataclasses.dataclass(slots=True, kw_only=True)
class Mcp:
    """A call in the Model Context Protocol."""

    method: Text | None = _named("JSON-RPC method, for example tools/call.")
    server: Text | None = _named("Name of the MCP server.")
    tool: Text | None = _named("Name of the tool.")


@dataclasses.dataclass(slots=True, kw_only=True)
class RateLimit:
    """What a caller may still use, as the provider told with its answer."""

    remaining_requests: int | None = _part("Requests that are left.")
    remaining_tokens: int | None = _part("Tokens that are left.")


@dataclasses.dataclass(slots=True, kw_only=True)
class Change:
    """What a control-plane operation changed: what tells an alert from routine."""

    target: Text | None = _named("Who or what was changed: a principal, a key, a resource.")
    target_type: Text | None = _named("Kind of the target, as the source names it.")
    setting: Text | None = _named("Name of the setting that was changed.")
    enabled: bool | None = _part("Whether the setting is on afterwards.")
    roles: list[Text] | None = _named("Roles or policies that were granted or taken away.")
    scopes: list[Text] | None = _named("Scopes or permissions of a key, a token or an application.")


@dataclasses.dataclass(slots=True, kw_only=True)
class Network:
    """What an edge told about a caller's connection."""

    country: Text | None = _named("Country of the client's address, as the source names it.")
    asn: int | None = _part("Number of the autonomous system of the client's address.")
    ja3: Text | None = _named("JA3 fingerprint of the client's TLS handshake.")
    ja4: Text | None = _named("JA4 fingerprint of the client's TLS handshake.")


KUBERNETES_LABELS: Final = tuple(
    Constant(name)
    for name in (
        *("app", "component", "env", "environment", "service", "team", "tier", "version"),
        *("app.kubernetes.io/component", "app.kubernetes.io/instance", "app.kubernetes.io/managed-by"),
        *("app.kubernetes.io/name", "app.kubernetes.io/part-of", "app.kubernetes.io/version"),
    )
)
"""The labels of pods that events may have: the recommended ones of Kubernetes, and the usual ones beside them."""


@dataclasses.dataclass(slots=True, kw_only=True)
class Kubernetes:
    """Where in a cluster the record was written."""

    namespace: Text | None = _named("Namespace of the pod.")
    pod: Text | None = _named("Name of the pod.")
    container: Text | None = _named("Name of the container in the pod.")
    node: Text | None = _named("Name of the node.")
    labels: dict[Constant, Text] | None = _named("Labels of the pod that are in `KUBERNETES_LABELS`.")


@dataclasses.dataclass(slots=True, kw_only=True)
class Findings:
    """How many spans of each entity type the detectors found on each side."""

    prompt: dict[str, int] = _part("Spans by entity type in all that was sent to the model.", dict)
    response: dict[str, int] = _part("Spans by entity type in all that the model produced.", dict)


@dataclasses.dataclass(slots=True, kw_only=True)
class ClassificationRules:
    """Ids of the policy rules that decided the two labels."""

    prompt: list[Constant] = _part("Ids of the rules that decided `prompt_classification`.", list)
    response: list[Constant] = _part("Ids of the rules that decided `response_classification`.", list)


@dataclasses.dataclass(slots=True, kw_only=True)
class PreviousHashes:
    """The same hashes under the previous key, during a rotation's overlap."""

    hash_key_id: Constant = dataclasses.field(metadata={"doc": "Which key made these hashes: the previous one."})
    prompt_hash: Digest | None = _part("`prompt_hash` under the previous key.")
    prompt_sketch: list[Digest] | None = _part("`prompt_sketch` under the previous key.")
    system_prompt_hash: Digest | None = _part("`system_prompt_hash` under the previous key.")
    response_hash: Digest | None = _part("`response_hash` under the previous key.")


class LeakKind(StrEnum):
    """What a response lets out that was not in the prompt."""

    PERSONAL_DATA = "personal_data"
    CREDENTIALS = "credentials"
    SYSTEM_PROMPT = "system_prompt"
    CANARY = "canary"


@dataclasses.dataclass(slots=True, kw_only=True)
class Leakage:
    """What the response lets out: only what was not in the prompt, and the system prompt."""

    kinds: list[LeakKind] = _part("What it lets out.", list)
    entities: dict[str, int] | None = _part(
        "Different values by entity type that the response has and the prompt has not."
    )
    system_prompt_words: int | None = _part("Words of the response that are quoted from the system prompt.")
    system_prompt_percent: int | None = _part("How much of the system prompt they are, in percent.")
    canaries: list[Constant] | None = _part("Names of the configured canaries whose tokens are in the response.")


class Crossing(StrEnum):
    """Through what a caller reached another department."""

    MODEL = "model"
    KNOWLEDGE_BASE = "knowledge_base"
    TOOL = "tool"


@dataclasses.dataclass(slots=True, kw_only=True)
class CrossDepartment:
    """A caller used what belongs to another department; both sides are from the lookup."""

    user_department: Constant = dataclasses.field(metadata={"doc": "Department of the caller."})
    resource_departments: list[Constant] = _part("The other departments, in the order of `through`.", list)
    through: list[Crossing] = _part("What belongs to them: the model, the knowledge base, a tool.", list)


@dataclasses.dataclass(slots=True, kw_only=True)
class Recent:
    """What the same caller did until and with this call, as far as this worker has seen it in this window."""

    window_start: Timestamp = dataclasses.field(metadata={"doc": "When the window began, RFC 3339 in UTC."})
    requests: int = _part("Calls.", 0)
    tokens: int = _part("Tokens.", 0)
    denied: int = _part("Calls that were denied.", 0)
    refusals: int = _part("Calls that the model refused.", 0)
    credential_findings: int = _part("Credentials that were found in prompts and responses.", 0)
    repeated_prompts: int = _part("Calls whose prompt is much like one of the eight before.", 0)


class ThreatSeverity(StrEnum):
    """How grave a threat is; high is an alert by itself."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class ThreatMaturity(StrEnum):
    """How well a rule is known: incubating as long as nobody has seen it on real traffic."""

    STABLE = "stable"
    INCUBATING = "incubating"


class ThreatFamily(StrEnum):
    """What kind of threat it is."""

    INSTRUCTION_OVERRIDE = "instruction_override"
    JAILBREAK = "jailbreak"
    ACCESS_CODE = "access_code"
    SYSTEM_PROMPT_EXTRACTION = "system_prompt_extraction"
    INDIRECT_INJECTION = "indirect_injection"
    OBFUSCATION = "obfuscation"
    EXFILTRATION = "exfiltration"
    TOOL_ABUSE = "tool_abuse"
    CODE_ABUSE = "code_abuse"
    MODEL_EXTRACTION = "model_extraction"
    COST_HARVESTING = "cost_harvesting"
    REFUSAL = "refusal"
    CONTROL_PLANE_ABUSE = "control_plane_abuse"
    RESPONSE_LEAKAGE = "response_leakage"
    CROSS_DEPARTMENT = "cross_department"
    UPSTREAM = "upstream"
    CUSTOM = "custom"


class ThreatPlace(StrEnum):
    """Where in an exchange a text stands."""

    USER = "user"
    SYSTEM = "system"
    TOOL_RESULT = "tool_result"
    RETRIEVED = "retrieved"
    TOOL_ARGUMENTS = "tool_arguments"
    RESPONSE = "response"


@dataclasses.dataclass(slots=True, kw_only=True)
class ThreatTag:
    """What a threat is in a public framework."""

    framework: Constant = dataclasses.field(metadata={"doc": "The framework, for example mitre-atlas or owasp-llm."})
    version: Constant = dataclasses.field(metadata={"doc": "Its version: ids change their meaning between versions."})
    id: Constant = dataclasses.field(metadata={"doc": "The technique or entry there."})


@dataclasses.dataclass(slots=True, kw_only=True)
class Threat:
    """A threat that a rule, or the source itself, saw in an event."""

    rule_id: Constant = dataclasses.field(metadata={"doc": "The rule; `upstream-...` for what a source reports."})
    severity: ThreatSeverity = dataclasses.field(metadata={"doc": "How grave it is; high is an alert by itself."})
    maturity: ThreatMaturity = dataclasses.field(metadata={"doc": "How well the rule is known."})
    family: ThreatFamily = dataclasses.field(metadata={"doc": "What kind of threat it is."})
    technique: Constant | None = _part("Technique of MITRE ATLAS, where the rule has one.")
    owasp: Constant | None = _part(
        "Entry of the newest OWASP Top 10 for LLM applications that the rule has, with its year."
    )
    frameworks: list[ThreatTag] | None = _part("All that the threat is in public frameworks.")
    reporter: Constant = _part("Who saw it: veilog, or the product whose verdict the source has.", Constant("veilog"))
    where: list[ThreatPlace] | None = _part("Where the texts stand that matched; absent where no text did.")


class UsageScope(StrEnum):
    """Whose calls a row of usage counts."""

    CALLER = "caller"
    OTHER = "other"


@dataclasses.dataclass(slots=True, kw_only=True)
class Usage:
    """Calls of one user and agent in one window, as far as one worker has counted them: rows of a window add up."""

    scope: UsageScope = dataclasses.field(
        metadata={"doc": "Whose: one caller's, or those of all callers beyond `usage.max_users`."}
    )
    window_secs: int = dataclasses.field(
        metadata={"doc": "Length of the window, which begins at `timestamp`, in seconds."}
    )
    requests: int = _part("Calls, of models and of the control plane.", 0)
    input_tokens: int = _part("Tokens in requests.", 0)
    output_tokens: int = _part("Tokens in responses.", 0)
    tokens: int = _part("Tokens in all.", 0)
    request_bytes: int = _part("Bytes of requests, where the source tells.", 0)
    response_bytes: int = _part("Bytes of responses, where the source tells.", 0)
    denied: int = _part("Calls that were denied.", 0)
    failed: int = _part("Calls that failed, were throttled or filtered.", 0)
    refusals: int = _part("Calls that the model refused.", 0)
    credential_findings: int = _part("Credentials that were found in prompts and responses.", 0)
    repeated_prompts: int = _part("Calls whose prompt is much like one of the caller's eight before.", 0)
    off_hours: int | None = _part("Calls outside of working hours; absent without `usage.working_hours`.")
    misdated: int = _part("Calls whose time lay more than a window ahead, and which count when they came.", 0)
    models: list[Digest] = _part("Keyed hashes of the models that were called, up to sixteen.", list)
    tools: list[Digest] = _part("Keyed hashes of the tools that were called, up to sixteen.", list)
    names_left_out: bool | None = _part("Whether there were more models or tools.")


@dataclasses.dataclass(slots=True, kw_only=True)
class Content:
    """Redacted text, present only under ``content: redacted``."""

    system: CleanText | None = _part("The system prompt, cleaned.")
    prompt: CleanText | None = _part("The request's other turns in their order, cleaned.")
    response: CleanText | None = _part("All that the model produced, cleaned.")


@dataclasses.dataclass(slots=True, kw_only=True)
class Redaction:
    """The proof: what looked at this event, and how much of it."""

    policy: Constant = dataclasses.field(metadata={"doc": "Name of the policy, `policy.name`."})
    detectors: list[Constant] = _part("What looked for findings: detectors and their versions.", list)
    status: RedactionStatus = _part(
        "Whether all texts were read to their ends: not if one was cut (`truncated`) or took too long (`timed_out`).",
        RedactionStatus.COMPLETE,
    )
    truncated_bytes: int = _part("Bytes of texts beyond `detect.max_text_bytes`, which were cut off.", 0)
    unmapped_fields: int = _part("Fields of the record that no parser consumed.", 0)
    dropped_fields: int = _part(
        "Keys of the record that its parser dropped for a declared reason; an object counts once.", 0
    )
    hashed_fields: int = _part("Names that did not fit the grammar of their fields and left as `hmac:` hashes.", 0)
    dry_run_rules: list[Constant] | None = _part("Threat rules in `dry_run` mode that matched.")
    ner_read_texts: int | None = _part("Texts that the NER model read, now or before; absent without a model.")
    ner_left_out_texts: int | None = _part(
        "Texts that `detect.ner` keeps from the model by field or length; absent without a model."
    )


def _field(group: str, doc: str, handling: Handling | None = None) -> Any:
    return dataclasses.field(default=None, metadata={"group": group, "doc": doc, "handling": handling})


def _working(doc: str) -> Any:
    return dataclasses.field(
        default_factory=list, metadata={"group": "working", "doc": doc, "handling": Handling.WORKING}
    )


_ID, _WHO, _WHAT = "identity of the event", "who", "what"
_PRIVACY, _OUTCOME, _PROOF, _OPTIONAL = "privacy", "cost and outcome", "proof", "optional"
_SECURITY, _USAGE, _QUARANTINE = "security", "usage", "quarantine"
_IDENTITY, _IDENTIFIER = Handling.IDENTITY, Handling.IDENTIFIER


@dataclasses.dataclass(kw_only=True)
class AuditEvent:
    """One event of the common schema ``veilog/1``. Absent (``None``) means unknown, never empty.

    Field order is the order of the native encoding, and that of ``vars``. Making an event copies one mapping of all
    fields, since setting some ninety attributes one by one takes longer (``benchmarks/bench_pipeline.py``).
    """

    schema: str = dataclasses.field(
        default=SCHEMA_ID, metadata={"group": _ID, "doc": "Schema of this event.", "handling": None}
    )
    event_id: Digest | None = _field(_ID, "Keyed id, the same for every delivery of the same bytes.")
    timestamp: Timestamp | None = _field(_ID, "When it happened, RFC 3339 in UTC.")
    source: Constant | None = _field(_ID, "Parser that read the record.")
    kind: Kind | None = _field(_ID, "What the event is about.")

    tenant_id: Text | None = _field(_WHO, "Your tenant, as configured; without one, `organization_id`.", _IDENTIFIER)
    organization_id: Text | None = _field(
        _WHO, "Account, subscription or organization, as the source names it.", _IDENTIFIER
    )
    user_id: Text | None = _field(_WHO, "Stable id of the caller (ARN, object id, e-mail).", _IDENTITY)
    user_name: Text | None = _field(_WHO, "Readable name of the caller.", _IDENTITY)
    user_type: UserType | None = _field(_WHO, "Kind of caller.")
    user_department: Constant | None = _field(_WHO, "From the department lookup.")
    session_id: Text | None = _field(_WHO, "Login or client session.", _IDENTITY)
    conversation_id: Text | None = _field(_WHO, "Thread the exchange belongs to.", _IDENTITY)
    client_ip: Text | None = _field(_WHO, "Address the call came from.", _IDENTITY)
    user_agent: Text | None = _field(_WHO, "Client software.", _IDENTIFIER)
    credential: Credential | None = _field(_WHO, "With what the caller was authenticated.")
    agent: Agent | None = _field(_WHO, "Agent that called.")
    network: Network | None = _field(_WHO, "The caller's connection, as an edge saw it.")
    host: Text | None = _field(_WHO, "Host that wrote the record.", _IDENTIFIER)
    k8s: Kubernetes | None = _field(_WHO, "Pod that wrote the record.")

    provider: Text | None = _field(_WHAT, "Who serves the model (OTel gen_ai.provider.name).", _IDENTIFIER)
    operation: Operation | None = _field(_WHAT, "OTel gen_ai.operation.name.")
    api_operation: Text | None = _field(_WHAT, "Operation as the source names it.", _IDENTIFIER)
    endpoint: Text | None = _field(_WHAT, "Path or URL that was called, without its query.", _IDENTIFIER)
    model_name: Text | None = _field(_WHAT, "Model as requested.", _IDENTIFIER)
    model_version: Text | None = _field(_WHAT, "Model as it answered.", _IDENTIFIER)
    model_department: Constant | None = _field(_WHAT, "From the department lookup.")
    deployment: Text | None = _field(_WHAT, "Deployment of the model (Azure), or endpoint name.", _IDENTIFIER)
    inference_region: Text | None = _field(_WHAT, "Region that computed the answer.", _IDENTIFIER)
    request_id: Text | None = _field(_WHAT, "The source's id of the call.", _IDENTIFIER)
    trace_id: Text | None = _field(_WHAT, "Trace that the call is part of.", _IDENTIFIER)
    span_id: Text | None = _field(_WHAT, "Span of the call in its trace.", _IDENTIFIER)
    tool_calls: list[ToolCall] | None = _field(_WHAT, "Tools the model asked for.")
    mcp: Mcp | None = _field(_WHAT, "The call in the Model Context Protocol.")
    knowledge_base_id: Text | None = _field(_WHAT, "Knowledge base that was searched.", _IDENTIFIER)
    data_sources: list[Text] | None = _field(_WHAT, "What retrieval read: ids or names of sources.", _IDENTIFIER)
    sensitivity_labels: list[Text] | None = _field(_WHAT, "Labels of what retrieval read, as ids.", _IDENTIFIER)
    tools_offered: int | None = _field(_WHAT, "Number of tools that the model was offered.")
    attachments: int | None = _field(_WHAT, "Number of files, images and other media in the request.")
    stream: bool | None = _field(_WHAT, "Whether the response was streamed.")
    change: Change | None = _field(_WHAT, "What a control-plane operation changed.")
    cloud: Cloud | None = _field(_WHAT, "Cloud account, region and resource.")

    prompt_hash: Digest | None = _field(_PRIVACY, "Keyed hash of the newest user turn.")
    prompt_sketch: list[Digest] | None = _field(
        _PRIVACY, "Keys of the newest user turn, from eight words: prompts that differ in a few words share one."
    )
    system_prompt_hash: Digest | None = _field(_PRIVACY, "Keyed hash of the system prompt.")
    response_hash: Digest | None = _field(_PRIVACY, "Keyed hash of all that the model produced.")
    hash_key_id: Constant | None = _field(_PRIVACY, "Which key made the hashes.")
    previous_hashes: PreviousHashes | None = _field(_PRIVACY, "Hashes under the previous key, during rotation.")
    prompt_chars: int | None = _field(_PRIVACY, "Characters sent to the model, all turns, system prompt excluded.")
    response_chars: int | None = _field(_PRIVACY, "Characters that the model produced.")
    prompt_classification: Level | None = _field(_PRIVACY, "Label of everything sent to the model.")
    response_classification: Level | None = _field(_PRIVACY, "Label of everything the model produced.")
    data_categories: list[Constant] | None = _field(_PRIVACY, "Kinds of data found, both sides.")
    classification_rules: ClassificationRules | None = _field(_PRIVACY, "Rules that decided the labels.")
    findings: Findings | None = _field(_PRIVACY, "Entity counts per side.")

    input_tokens: int | None = _field(_OUTCOME, "Tokens in the request, those from a cache included.")
    output_tokens: int | None = _field(_OUTCOME, "Tokens in the response.")
    token_count: int | None = _field(_OUTCOME, "Tokens billed in all.")
    cached_input_tokens: int | None = _field(_OUTCOME, "Input tokens that were read from a cache.")
    cache_write_tokens: int | None = _field(_OUTCOME, "Input tokens that were written to a cache.")
    reasoning_tokens: int | None = _field(_OUTCOME, "Output tokens of the model's reasoning.")
    input_audio_tokens: int | None = _field(_OUTCOME, "Input tokens of audio.")
    output_audio_tokens: int | None = _field(_OUTCOME, "Output tokens of audio.")
    input_image_tokens: int | None = _field(_OUTCOME, "Input tokens of images.")
    output_image_tokens: int | None = _field(_OUTCOME, "Output tokens of images.")
    cost_usd: float | None = _field(_OUTCOME, "Cost in US dollars, as the source tells it.")
    request_bytes: int | None = _field(_OUTCOME, "Size of the request in bytes.")
    response_bytes: int | None = _field(_OUTCOME, "Size of the response in bytes.")
    latency_ms: float | None = _field(_OUTCOME, "Duration of the call in milliseconds.")
    time_to_first_token_ms: float | None = _field(_OUTCOME, "Time to the first token in milliseconds.")
    attempt: int | None = _field(_OUTCOME, "Number of this attempt at a gateway, from 1.")
    retries: int | None = _field(_OUTCOME, "How often a gateway tried again.")
    fallback_from: Text | None = _field(_OUTCOME, "Model or provider that failed before this one.", _IDENTIFIER)
    rate_limit: RateLimit | None = _field(_OUTCOME, "What the caller may still use.")
    outcome_status: Outcome | None = _field(_OUTCOME, "How the call ended.")
    error_code: Text | None = _field(_OUTCOME, "Error code as the source names it.", _IDENTIFIER)
    http_status: int | None = _field(_OUTCOME, "HTTP status of the answer.")
    finish_reasons: list[Text] | None = _field(_OUTCOME, "Why each choice ended.", _IDENTIFIER)
    refusal: bool | None = _field(_OUTCOME, "Whether the model refused, where the source tells.")
    guardrail: Guardrail | None = _field(_OUTCOME, "What the source's guardrail or content filter decided.")
    upstream_threats: list[UpstreamThreat] | None = _field(_OUTCOME, "Threats that the source itself reports.")

    threats: list[Threat] | None = _field(
        _SECURITY, "What rules and the source itself saw, the gravest first, up to sixteen."
    )
    leakage: Leakage | None = _field(_SECURITY, "What the response lets out that the prompt did not bring in.")
    cross_department: CrossDepartment | None = _field(_SECURITY, "Use of what belongs to another department.")
    off_hours: bool | None = _field(_SECURITY, "Whether it happened outside of the working hours in `usage`.")
    recent: Recent | None = _field(_SECURITY, "The same caller's calls in this window until now.")
    usage: Usage | None = _field(_USAGE, "What one caller did in a window; in events of the kind `usage` alone.")

    redaction: Redaction | None = _field(_PROOF, "Which detectors saw this event, and how much of it.")

    content: Content | None = _field(_OPTIONAL, "Redacted text, where the policy keeps it.")
    unmapped: SensitiveTree | dict[str, Any] | None = _field(
        _OPTIONAL, "What the parser did not consume, cleaned, where the policy keeps it."
    )

    tag: Text | None = _field(_QUARANTINE, "Shipper's tag of the record.")
    error_type: Constant | None = _field(_QUARANTINE, "Why the record is in quarantine; a closed list.")
    raw_bytes: int | None = _field(_QUARANTINE, "Length of the raw record in bytes.")
    raw_hash: Digest | None = _field(_QUARANTINE, "Keyed hash of the raw record.")
    record_shape: Digest | None = _field(
        _QUARANTINE, "Keyed hash of the key paths of an unrecognized record; `veilog suggest` shows what it stands for."
    )

    prompt_messages: list[Message] = _working("Request side of the exchange, in order.")
    response_messages: list[Message] = _working("Response side of the exchange, in order.")
    dropped_fields: int = dataclasses.field(
        default=0,
        metadata={"group": "working", "doc": "See `redaction.dropped_fields`.", "handling": Handling.WORKING},
    )

    if not TYPE_CHECKING:
        # Type checkers see the one that the decorator makes.
        def __init__(self, **fields: Any) -> None:
            values = _UNFILLED.copy()
            values["prompt_messages"], values["response_messages"] = [], []
            values.update(fields)
            self.__dict__ = values


_UNFILLED: Final[dict[str, Any]] = {
    field.name: None if field.default is dataclasses.MISSING else field.default
    for field in dataclasses.fields(AuditEvent)
}
