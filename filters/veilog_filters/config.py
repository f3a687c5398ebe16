"""The configuration: one YAML file, read strictly, its options documented where they are declared.

Each option's docstring becomes its description in the JSON Schema (``veilog schema config``) and the "Fix" of an
error about it. Names are snake_case with the full unit as suffix. A relative path is relative to the file it is in.

What can be told from the file alone is checked here, where it is declared; ``startup`` checks what needs the host:
secrets, certificates, folders. No message quotes a value (see ``yaml_file``).
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Collection, Iterable
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeVar, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, Field, field_validator, model_validator

from veilog_filters import plugins
from veilog_filters.contracts import RulePack, TextDetector
from veilog_filters.errors import ConfigError, Defect
from veilog_filters.fence import Fence
from veilog_filters.plugins import Offer
from veilog_filters.policy import ClassificationPolicy, RuleFile
from veilog_filters.yaml_file import (
    InvalidError,
    Key,
    Strict,
    check_pattern,
    closest,
    dotted,
    key_of,
    line_of,
    load,
    reason_of,
    shown,
    variable,
)
from veilog_parsers.event import Kind, Operation
from veilog_parsers.source import Source
from veilog_parsers.sources.mapped import TARGETS, MappingSpec, split_path
from veilog_parsers.sources.mapped import make_source as make_mapped_source

ModelT = TypeVar("ModelT", bound=BaseModel)
RulesT = TypeVar("RulesT", bound=RuleFile)
Operator = Literal["replace", "mask", "hash", "remove"]
DEFAULT_POLICY_FILE = Path(__file__).parent / "rules" / "classification.yaml"


_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def _check_variable(name: str) -> None:
    if name and not _VARIABLE.fullmatch(name):
        raise InvalidError(
            "this is no name of an environment variable",
            "write the variable's name, up to 128 letters, digits and underscores; its value stays out of this file",
            "env",
        )


class HashKey(Strict):
    """Where a hash key comes from: exactly one of ``env``, ``file`` and ``ephemeral``."""

    env: str = ""
    """Name of an environment variable that holds base64 of at least 32 bytes; `veilog key` prints one."""
    file: str = ""
    """Path of a file that holds base64 of at least 32 bytes, for example a mounted Kubernetes Secret."""
    ephemeral: bool = False
    """true makes a random key at every start: hashes then cannot be compared between runs, hosts or workers."""
    key_id: str = Field(default="", pattern=r"^[A-Za-z0-9._-]{0,64}$")
    """Name of the key in events, up to 64 letters, digits, dots, dashes and underscores; derived from it by default."""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.env) + bool(self.file) + self.ephemeral != 1:
            raise InvalidError("a key has exactly one origin", "write one of env: NAME, file: PATH and ephemeral: true")
        _check_variable(self.env)
        return self


class Policy(Strict):
    """What may leave the host."""

    name: str = Field(default="default", pattern=r"^[A-Za-z0-9_./-]{1,64}$")
    """Name of this policy in events, up to 64 letters, digits, dots, dashes and slashes."""
    content: Literal["drop", "redacted"] = "drop"
    """drop (hashes, labels and counts only) or redacted (the redacted text too)."""
    unmapped: Literal["drop", "redact"] = "drop"
    """What a parser did not consume, in events of every kind: drop (its fields are counted) or redact (keep it)."""
    identity: Literal["keep", "pseudonymize"] = "keep"
    """Who-fields: keep, or pseudonymize (replaced by keyed hashes that are stable per tenant)."""
    unrecognized: Literal["quarantine", "drop", "redact"] = "quarantine"
    """Records that no parser recognizes: quarantine, drop (counted), or redact (their text leaves, cleaned)."""
    prompt_sketch: Literal["keep", "drop"] = "keep"
    """Keys by which slightly varied prompts are found: keep (126 or 234 bytes of JSON each) or drop."""

    @model_validator(mode="after")
    def _keeps_text_knowingly(self) -> Self:
        if self.unrecognized == "redact" and self.content != "redacted":
            raise InvalidError(
                "redact keeps the text of unrecognized records, and content: drop keeps none",
                "write content: redacted too, or unrecognized: quarantine",
                "unrecognized",
            )
        return self


class Redact(Strict):
    """How findings are removed from text that is kept."""

    operators: dict[str, Operator] = {}
    """Entity type to replace (<EMAIL_ADDRESS>), mask (*****), hash (keyed) or remove; `default` names all others'."""
    mask_keep_last_chars: int = Field(default=0, ge=0, le=4)
    """How many characters at the end of a span the mask operator leaves readable, 0 to 4."""


class PatternOption(Strict):
    """One regular expression of a custom recognizer."""

    regex: str
    """A regular expression in the syntax of Python's regex module; matched case-insensitively, dot matches newline."""
    score: float = Field(gt=0, le=1)
    """Confidence of a match, above 0, up to 1; compared with detect.threshold after context words had their say."""

    @field_validator("regex")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        check_pattern(pattern)
        return pattern


class CustomRecognizer(Strict):
    """A pattern recognizer of your own, run beside Presidio's."""

    name: str = Field(pattern=r"^[A-Za-z0-9_]{1,64}$")
    """Name of the recognizer, letters, digits and underscores."""
    entity: str = Field(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")
    """Entity type it finds, in capitals, for example EMPLOYEE_ID."""
    patterns: Annotated[list[PatternOption], Field(min_length=1)]
    """One or more patterns, each with regex and score."""
    context: list[str] = []
    """Words near a match that raise its score, as in Presidio."""


class NerModel(Strict):
    """One spaCy model."""

    lang_code: Literal["en"] = "en"
    """Language of the model."""
    model_name: str
    """Name of an installed spaCy model package, for example en_core_web_sm. It is never downloaded."""


NerField = Literal["system", "prompt", "response", "tool_calls", "unmapped", "metadata"]


class Ner(Strict):
    """Presidio's NlpEngine configuration, and which texts the model reads. It costs a thousand times what patterns do.

    What the options leave out is searched for patterns alone, by choice: events and metrics count it.
    """

    nlp_engine_name: Literal["spacy"] = "spacy"
    """The engine; spacy is the one that is supported."""
    models: Annotated[list[NerModel], Field(min_length=1, max_length=1)]
    """The model to use."""
    fields: Annotated[list[NerField], Field(min_length=1)] = list(get_args(NerField))
    """Fields whose texts are read; all by default. unmapped is also all of unrecognized records; names never are."""
    min_chars: int = Field(default=3, ge=1, le=16_777_216)
    """Shortest text to read, in characters, from 1."""
    max_chars: int = Field(default=16_777_216, ge=1, le=16_777_216)
    """Longest text to read, in characters, up to 16777216: by default none is too long, but budget_secs may run out."""
    budget_secs: float = Field(default=5.0, gt=0, le=600)
    """Time for one record, in seconds, up to 600; what was not read when it is used up counts as found, whole."""
    chunk_chars: int = Field(default=10_000, ge=200, le=1_000_000)
    """Most characters read in one call, 200 to 1000000: a call is never interrupted, budget_secs or not."""
    overlap_chars: int = Field(default=200, ge=20, le=100_000)
    """How far the chunks of a longer text overlap, in characters, from 20 to a quarter of chunk_chars."""
    recycle_after_words: int = Field(default=1_000_000, ge=1_000, le=1_000_000_000)
    """New words after which the model is loaded anew, 1000 to 1000000000: spaCy keeps some 32 bytes of each."""

    @model_validator(mode="after")
    def _can_admit(self) -> Self:
        if self.min_chars > self.max_chars:
            raise InvalidError("no text is that long and that short", "make max_chars at least min_chars", "max_chars")
        if 4 * self.overlap_chars > self.chunk_chars:
            raise InvalidError("chunks overlap too far", "write at most a quarter of chunk_chars", "overlap_chars")
        return self


class Detect(Strict):
    """What is looked for, and how hard."""

    threshold: float = Field(default=0.35, ge=0, le=1)
    """Least confidence of a finding, 0 to 1."""
    entities: list[str] = []
    """Entity types to look for, for example EMAIL_ADDRESS; none named means all that the recognizers know."""
    secrets: bool = True
    """Whether to look for API keys, tokens and passwords too."""
    further_recognizers: list[str] = []
    """Presidio pattern recognizers that are off by default, by class name, for example EsNieRecognizer."""
    recognizers: list[CustomRecognizer] = []
    """Recognizers of your own."""
    max_text_bytes: int = Field(default=262_144, ge=256, le=16_777_216)
    """Texts are scanned up to this many bytes, 256 to 16777216; the rest is cut off, never passed."""
    timeout_secs: float = Field(default=1.0, gt=0, le=60)
    """Time for one text, in seconds, up to 60; a text that takes longer counts as found, whole."""
    prefilter: Literal["auto", "off"] = "auto"
    """auto (look only where a pattern could match; the same findings, faster) or off (Presidio's engine as it is)."""
    cache_dir: str = ""
    """Directory for compiled patterns. VEILOG_CACHE_DIR, if set, always goes before it; if both are empty it is
    $XDG_CACHE_HOME/veilog, else ~/.cache/veilog. It is used only if it belongs to this user or root and nobody else can
    write there.
    """
    cache_entries: int = Field(default=16_384, ge=0, le=16_777_216)
    """Texts whose findings are remembered, 0 to 16777216; of a text only a keyed digest and the findings are kept."""
    cache_bytes: int = Field(default=33_554_432, ge=0, le=17_179_869_184)
    """Memory for remembered findings in bytes, up to 17179869184."""
    ner: Ner | None = None
    """Named-entity recognition, off unless given."""


class Classify(Strict):
    """Data classification."""

    policy_file: str = ""
    """Path of a classification policy; the built-in one if empty."""


ThreatMode = Literal["enforce", "dry_run", "off"]


class Threats(Strict):
    """Threat rules: what is known as an attack, an abuse or a leak, told while the text is still there."""

    pack_files: list[str] = []
    """Files of rules beside veilog's own, as `veilog schema threats` describes them."""
    modes: dict[str, ThreatMode] = {}
    """Modes by the name of a pack or the id of a rule, which goes before that of its pack: enforce, dry_run (counted,
    not tagged) or off."""


class Lookup(Strict):
    """Departments of users and of what they use."""

    departments_file: str = ""
    """Path of a CSV file with the columns kind (user, role, model, knowledge_base or tool), pattern and department."""


class Canary(Strict):
    """A token of your own that is planted where it has no business in a response, for example in a document."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    """What events call it, in snake_case. The token itself stands in no event, log or metric."""
    env: str = ""
    """Name of an environment variable that holds the token; several stand in lines."""
    file: str = ""
    """Path of a file that holds the token; several stand in lines."""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.env) + bool(self.file) != 1:
            raise InvalidError("a canary has exactly one origin", "write one of env: NAME and file: PATH")
        _check_variable(self.env)
        return self


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_HOURS: Final = r"^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"


def _is_date(day: str) -> bool:
    try:
        return date.fromisoformat(day).isoformat() == day
    except ValueError:
        return False


class WorkingHours(Strict):
    """When people work, in one time zone. What happens at other times is marked with `off_hours`."""

    time_zone: str
    """Name of a time zone as the IANA lists it, for example Europe/Berlin. Summer time is kept."""
    days: Annotated[list[Day], Field(min_length=1)] = ["mon", "tue", "wed", "thu", "fri"]
    """Working days: mon, tue, wed, thu, fri, sat, sun."""
    hours: str = Field(default="07:00-19:00", pattern=_HOURS)
    """From and until, in quotes, for example "07:00-19:00"; the end does not belong to it."""
    holidays: list[str] = []
    """Days without work, in quotes, for example "2026-12-25"."""

    @model_validator(mode="after")
    def _is_a_calendar(self) -> Self:
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise InvalidError(
                "this host knows no such time zone",
                "write a name such as Europe/Berlin or UTC; a host without time zones needs the package tzdata",
                "time_zone",
            ) from None
        for number, day in enumerate(self.holidays):
            if not _is_date(day):
                raise InvalidError("this is no day", 'write it as "2026-12-25", in quotes', "holidays", number)
        begin, _, end = self.hours.partition("-")
        if begin >= end:
            raise InvalidError("the hours end before they begin", 'write for example "07:00-19:00"', "hours")
        return self


class UsageOptions(Strict):
    """What each user and agent does in a window of time, counted where the events are made."""

    events: bool = False
    """Whether an event of the kind `usage` leaves for each user, agent and window, by filter and sidecar."""
    on_events: bool = False
    """Whether events say in `recent` what the same caller did until then. It depends on what came before."""
    window_secs: int = Field(default=3600, ge=60, le=86_400)
    """Length of a window in seconds, 60 to 86400: whole minutes that fit into a day, counted from midnight UTC."""
    late_secs: int = Field(default=60, ge=0, le=3600)
    """How long after its end the sidecar waits for records of a window, in seconds, up to 3600."""
    max_users: int = Field(default=10_000, ge=1, le=1_000_000)
    """Callers that a worker counts apart, 1 to 1000000, some 2 KB each; the calls of all others are one row."""
    working_hours: WorkingHours | None = None
    """When people work. Without it nothing is off hours."""

    @field_validator("window_secs")
    @classmethod
    def _divides_a_day(cls, secs: int) -> int:
        if _DAY_SECS % secs or secs % _MINUTE_SECS:
            raise InvalidError("windows of this length do not fit into a day", "write for example 300, 900 or 3600")
        return secs


_DAY_SECS: Final = 86_400
_MINUTE_SECS: Final = 60


class Limits(Strict):
    """Bounds on what is read."""

    max_record_bytes: int = Field(default=16_777_216, ge=1024, le=268_435_456)
    """Longest record in bytes, 1024 to 268435456; a longer one goes to quarantine unread."""
    record_secs: float = Field(default=2.0, gt=0, le=60)
    """Time that all stages together may take for one record, in seconds, up to 60; a slower one goes to quarantine."""
    max_depth: int = Field(default=64, ge=8, le=256)
    """Deepest nesting of a record whose leaves are cleaned, 8 to 256; a deeper one goes to quarantine."""


class Secret(Strict):
    """Where a shared key or password comes from: exactly one of ``env`` and ``file``."""

    env: str = ""
    """Name of an environment variable that holds it."""
    file: str = ""
    """Path of a file that holds it; white space at its ends does not count."""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.env) + bool(self.file) != 1:
            raise InvalidError("a secret has exactly one origin", "write one of env: NAME and file: PATH")
        _check_variable(self.env)
        return self


MAX_PORT: Final = 65_535
_ADDRESS: Final = r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253}):[0-9]{1,5}"
_ANY: Final = frozenset(("0.0.0.0", "::"))  # noqa: S104 - to recognize it, not to bind it
_LOOPBACK: Final = "loopback"


_MAX_LABEL_CHARACTERS: Final = 63
"""Longest part of a host's name between two dots: DNS has no longer ones."""


def _is_name(host: str) -> str:
    """A host's name whose parts can be looked up; an IP address is one too. (Its last dot ends the name.)"""
    parts = host.removesuffix(".").split(".") if host else []
    if not all(parts):
        raise InvalidError("the host's name has an empty part", "write it without a dot before or beside another dot")
    if max(map(len, parts), default=0) > _MAX_LABEL_CHARACTERS:
        problem = f"a part of the host's name is longer than {_MAX_LABEL_CHARACTERS} characters"
        raise InvalidError(problem, "write the name by which it can be looked up, or an IP address")
    return host


_WRITE_ADDRESS: Final = "write host:port, for example 127.0.0.1:24224"


def _check_address(address: str) -> str:
    if not re.fullmatch(_ADDRESS, address):
        raise InvalidError("expected host:port", _WRITE_ADDRESS)
    # Port 0 lets the system choose a port, which no shipper would know.
    if not 1 <= int(address.rpartition(":")[2]) <= MAX_PORT:
        raise InvalidError(f"expected a port from 1 to {MAX_PORT}", _WRITE_ADDRESS)
    host = address.rpartition(":")[0]
    if not host.startswith("["):
        _is_name(host)
    return address


def _check_address_or_none(address: str) -> str:
    return _check_address(address) if address else address


# The pattern is for the JSON Schema alone: what it refused would be said in no more than that.
Address = Annotated[str, AfterValidator(_check_address), Field(json_schema_extra={"pattern": rf"^{_ADDRESS}$"})]
AddressOrNone = Annotated[
    str, AfterValidator(_check_address_or_none), Field(json_schema_extra={"pattern": rf"^({_ADDRESS})?$"})
]


def host_of(address: str) -> str:
    """The host of an address, the names and numbers of this very host as one."""
    host = address.rpartition(":")[0].strip("[]").lower()
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        return _LOOPBACK if host == "localhost" or host.endswith(".localhost") else host
    mapped = getattr(number, "ipv4_mapped", None)
    number = mapped or number
    return _LOOPBACK if number.is_loopback else str(number)


def is_same_place(address: str, listening: str) -> bool:
    """Whether a connection to one address could reach a listener on the other, judged by the two strings."""
    if (
        not address
        or not listening
        or address.rpartition(":")[2].lstrip("0") != listening.rpartition(":")[2].lstrip("0")
    ):
        return False
    there, here = host_of(address), host_of(listening)
    return there == here or there in _ANY or (here in _ANY and there == _LOOPBACK)


class Tls(Strict):
    """TLS of one side."""

    cert_file: str = ""
    """Path of the certificate chain in PEM; needed to listen, and for mutual TLS to send."""
    key_file: str = ""
    """Path of its private key in PEM."""
    ca_file: str = ""
    """Path of the CA certificates that the other side must be signed by; to listen: makes TLS mutual."""
    server_name: Annotated[str, AfterValidator(_is_name)] = ""
    """To send: the name in the server's certificate, if it is not the host of the address."""

    @model_validator(mode="after")
    def _has_both(self) -> Self:
        if self.key_file and not self.cert_file:
            raise InvalidError("a key without its certificate", "write cert_file: PATH too", "key_file")
        return self


class Listen(Strict):
    """Where records come in."""

    tcp: AddressOrNone = "127.0.0.1:24224"
    """host:port of the Forward input; empty for none."""
    unix: str = ""
    """Path of a Unix socket for the Forward input; empty for none."""
    tls: Tls | None = None
    """TLS for clients that connect by TCP."""
    shared_key: Secret | None = None
    """The shared key that clients must know."""
    users: dict[str, Secret] = {}
    """Passwords by user name, that clients must know besides the shared key."""
    hostname: str = Field(default="veilog", pattern=r"^[A-Za-z0-9._-]{1,253}$")
    """What clients with a shared key are told that this is. It must differ from what they call themselves."""
    max_connections: int = Field(default=512, ge=1, le=65536)
    """Most clients at a time, per worker; besides, a quarter as many that have not authenticated or sent anything."""
    handshake_timeout_secs: float = Field(default=10, gt=0, le=600)
    """How long a client may take for TLS and for showing that it knows the shared key, in seconds, up to 600."""
    idle_timeout_secs: float = Field(default=600, gt=0, le=604_800)
    """A client that sends nothing for so long is disconnected, in seconds, up to 604800."""
    max_frame_bytes: int = Field(default=33_554_432, ge=65_536, le=1_073_741_824)
    """Longest message of a client in bytes, 65536 to 1073741824."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if not self.tcp and not self.unix:
            raise InvalidError("there is nothing to listen on", "write tcp: host:port, unix: PATH, or both", "tcp")
        if self.users and self.shared_key is None:
            raise InvalidError(
                "without shared_key nobody is asked for a user name and a password",
                "write shared_key: {env: NAME} or {file: PATH} too, or remove users",
                "users",
            )
        if self.tls is not None and not self.tls.cert_file:
            raise InvalidError(
                "to listen with TLS takes a certificate", "write cert_file: PATH, and key_file: PATH", "tls"
            )
        return self


class Output(Strict):
    """How clean events are written."""

    # pydantic's models have an attribute that is called schema.
    schema_name: str = Field(default="native", alias="schema")
    """Schema of events, as `veilog encoders` lists them. `veilog filter --schema`, and `schema` of a place in
    `sidecar.forward`, go before it.
    """


class Forward(Strict):
    """One place where clean events go."""

    address: Address
    """host:port of a Forward input (Fluent Bit's or Fluentd's in_forward, or another veilog)."""
    schema_name: str = Field(default="", alias="schema")
    """Schema of the events that go there; that of `output` if there is none. Every schema gets every event."""
    tls: Tls | None = None
    """TLS to that place."""
    shared_key: Secret | None = None
    """Its shared key."""
    hostname: str = Field(default="veilog-sender", pattern=r"^[A-Za-z0-9._-]{1,253}$")
    """What it is told that this is, if it has a shared key. It must differ from what that place calls itself."""
    username: str = ""
    """User name, if it asks for one."""
    password: Secret | None = None
    """Password of that user."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if bool(self.username) != (self.password is not None):
            given, other = ("username", "password") if self.username else ("password", "username")
            raise InvalidError(f"{given} without {other}", f"write {other} too, or remove {given}", given)
        if self.username and self.shared_key is None:
            raise InvalidError(
                "without shared_key nobody asks for a user name and a password",
                "write shared_key: {env: NAME} or {file: PATH} too, or remove username and password",
                "username",
            )
        return self


_LITERAL: Final = re.compile(r"[A-Za-z0-9_-]+")
_BRACES: Final = re.compile(r"[{}]")


class Sidecar(Strict):
    """`veilog sidecar`: Forward in, Forward out."""

    listen: Listen = Listen()
    """Where records come in."""
    forward: list[Forward] = []
    """Where clean events go; standard output if there is nothing."""
    balance: Literal["failover", "round_robin"] = "failover"
    """Which of several places with one schema is taken: the first that works, or each in turn for a new connection."""
    compress: bool = False
    """Whether to compress chunks with gzip."""
    require_ack: bool = True
    """Whether a place must acknowledge chunks before they are acknowledged to the shipper."""
    ack_timeout_secs: float = Field(default=60, gt=0, le=86_400)
    """How long to wait for an acknowledgement before the next place is tried, in seconds, up to 86400."""
    tag: str = Field(default="clean.{tag}", pattern=r"^[A-Za-z0-9_.:/*{}-]{1,256}$")
    """Tag of clean events; {tag} is the tag they came with, {schema} the schema they are in. Its first part, up to the
    dot, must be written out and not be raw, for example clean.{tag}: shippers send what is tagged raw.* here, and what
    comes back must not match that.
    """
    keep_metadata: bool = True
    """Whether entries' metadata and group markers go on, cleaned. Fluentd needs false: up to 1.19 it loses them."""
    workers: int = Field(default=1, ge=1, le=256)
    """Processes that filter, on one port, 1 to 256."""
    max_in_flight_chunks: int = Field(default=64, ge=1, le=65_536)
    """Chunks of a schema that a worker holds unacknowledged before it stops reading, 1 to 65536."""
    max_in_flight_bytes: int = Field(default=16_777_216, ge=65_536, le=17_179_869_184)
    """Bytes that a worker holds before it stops reading: messages, whole or not, of all connections, and its events,
    which may take half of it, each schema an equal part of that half.
    """
    http: AddressOrNone = "127.0.0.1:24280"
    """host:port of /healthz, /readyz and /metrics; empty for none."""
    grace_secs: float = Field(default=10, ge=0, le=3600)
    """How long a stopping worker finishes what is in flight, in seconds, up to 3600."""

    @field_validator("tag")
    @classmethod
    def _never_comes_back(cls, template: str) -> str:
        first = template.partition(".")[0]
        if (
            not _LITERAL.fullmatch(first)
            or first == "raw"
            or _BRACES.search(template.replace("{tag}", "").replace("{schema}", ""))
        ):
            raise InvalidError(
                "records would go round: with this tag they could be sent here again",
                "write a tag whose first part is written out, holds no * and is not raw, for example clean.{tag}",
            )
        return template

    @model_validator(mode="after")
    def _sends_elsewhere(self) -> Self:
        if self.http and is_same_place(self.http, self.listen.tcp):
            raise InvalidError("two inputs have one port", "write another port than that of listen.tcp", "http")
        for number, place in enumerate(self.forward):
            for own, what in ((self.listen.tcp, "listen.tcp"), (self.http, "http")):
                if is_same_place(place.address, own):
                    raise InvalidError(
                        f"this is where veilog itself listens ({what}): records would go round",
                        "write the address of the next hop",
                        *("forward", number, "address"),
                    )
        return self


_CONSTANTS: Final[dict[str, list[str]]] = {
    "provider": [],
    "operation": [str(operation) for operation in Operation],
    "kind": [str(kind) for kind in Kind],
}
"""Event fields that a mapping may give one value for all records, each with its closed list, if there is one."""


def _check_path(path: str, *key: str) -> None:
    try:
        split_path(path)
    except ValueError:
        raise InvalidError("the path has an empty key", "write key.key, and \\. for a dot inside a key", *key) from None


class MappedSource(Strict):
    """Any JSON log, mapped to the schema by a few lines."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    """Name of the source in events, in snake_case."""
    when: Annotated[dict[str, str], Field(min_length=1)]
    """Dotted paths that a record must have, with the value each must have (* for any)."""
    fields: Annotated[dict[str, str], Field(min_length=1)]
    """Event field to the dotted path of its value in the record."""
    constants: dict[str, str] = {}
    """Event fields with one value for all records, for example provider: openai."""

    def source(self) -> Source:
        """The parser for this mapping."""
        return make_mapped_source(
            MappingSpec(name=self.name, when=self.when, fields=self.fields, constants=self.constants)
        )

    @model_validator(mode="after")
    def _can_be_built(self) -> Self:
        for target in self.fields:
            if target not in TARGETS:
                raise InvalidError("an event has no such field", closest(target, TARGETS, 99), "fields", target)
        for target, path in self.fields.items():
            _check_path(path, "fields", target)
        for path in self.when:
            _check_path(path, "when", path)
        for name, value in self.constants.items():
            allowed = _CONSTANTS.get(name)
            if allowed is None:
                raise InvalidError("there is no such constant", closest(name, _CONSTANTS), "constants", name)
            if allowed and value not in allowed:
                raise InvalidError("there is no such value", closest(value, allowed, 99), "constants", name)
        self.source()
        return self


class Disable(Strict):
    """Names of what stays outside, veilog's own and plugins' alike. A plugin that is named here is never imported."""

    sources: list[str] = []
    """Log sources, as `veilog sources` lists them; their records are then those of another source, or of none."""
    detectors: list[str] = []
    """Detectors, as `veilog detectors` lists them."""
    encoders: list[str] = []
    """Encoders, as `veilog encoders` lists them."""
    rules: list[str] = []
    """Rule packs, as `veilog rules` lists them."""

    @model_validator(mode="after")
    def _names_what_is_there(self) -> Self:
        for door in plugins.BUILT_IN:
            for number, name in enumerate(getattr(self, door)):
                if name not in plugins.names(door):
                    problem = f"there is no such {plugins.ONE[door]}"
                    raise InvalidError(problem, closest(name, plugins.names(door), 99), door, number)
        return self


class Plugins(Strict):
    """What comes in by entry points: all that is installed, unless it is turned off here."""

    disable: Disable = Disable()
    """What stays outside."""


class Config(Strict):
    """The whole configuration of veilog."""

    tenant_id: str = Field(default="", pattern=r"^[A-Za-z0-9_.:-]{0,128}$")
    """Your organization's or tenant's id, up to 128 letters, digits, dots, colons, dashes and underscores; put into
    every event, and hashes are separated by it alone. The organization that a source names stays in `organization_id`.
    """
    source: str = "auto"
    """auto (recognize each record) or the name of the one source that all records are from."""
    tag: str = Field(default="", pattern=r"^[A-Za-z0-9_.:/*-]{0,256}$")
    """Tag for records that come without one (stdin), up to 256 letters, digits and _ . : / * -"""
    hash_key: HashKey = HashKey(env="VEILOG_HASH_KEY")
    """The key of all hashes: one of env, file or ephemeral."""
    previous_hash_key: HashKey | None = None
    """The key before the last rotation: while it is given, events carry hashes under both."""
    policy: Policy = Policy()
    """What may leave the host."""
    redact: Redact = Redact()
    """How findings are removed."""
    detect: Detect = Detect()
    """What is looked for."""
    classify: Classify = Classify()
    """Data classification."""
    threats: Threats = Threats()
    """Threat rules."""
    lookup: Lookup = Lookup()
    """Departments."""
    canaries: list[Canary] = []
    """Tokens that must not be in a response."""
    usage: UsageOptions = UsageOptions()
    """Calls by user and window."""
    limits: Limits = Limits()
    """Bounds on what is read."""
    output: Output = Output()
    """How clean events are written."""
    sidecar: Sidecar = Sidecar()
    """`veilog sidecar`."""
    mapped: list[MappedSource] = []
    """Further JSON logs, each mapped by a few lines."""
    plugins: Plugins = Plugins()
    """Sources, detectors, encoders and rule packs, built in or installed."""

    @model_validator(mode="after")
    def _names_a_source(self) -> Self:
        known = ["auto", *plugins.names("sources"), *(mapping.name for mapping in self.mapped)]
        if self.source in self.plugins.disable.sources:
            raise InvalidError("this source is turned off", "take it out of plugins.disable.sources", "source")
        if self.source not in known:
            raise InvalidError("there is no such source", closest(self.source, known, 99), "source")
        if len(set(known)) != len(known):
            raise InvalidError("two sources have the same name", "rename one", "mapped")
        return self

    @model_validator(mode="after")
    def _names_entities(self) -> Self:
        custom = self.further_entities()
        check_entities(self.detect.entities, custom, lambda number, _: ("detect", "entities", number))
        named = [name for name in self.redact.operators if name != "default"]
        check_entities(named, custom, lambda _, name: ("redact", "operators", name))
        return self

    @model_validator(mode="after")
    def _names_encoders(self) -> Self:
        off = self.plugins.disable.encoders
        known = [name for name in plugins.names("encoders") if name not in off]
        named: list[tuple[str, Key]] = []
        # The default may be turned off: nothing has to be written in it.
        if "schema_name" in self.output.model_fields_set:
            named.append((self.output.schema_name, ("output", "schema")))
        for number, place in enumerate(self.sidecar.forward):
            if place.schema_name:
                named.append((place.schema_name, ("sidecar", "forward", number, "schema")))
        for name, key in named:
            if name in off:
                raise InvalidError("this encoder is turned off", "take it out of plugins.disable.encoders", *key)
            if name not in known:
                raise InvalidError("there is no such encoder", closest(name, known, 99), *key)
        return self

    @model_validator(mode="after")
    def _keeps_schemas_apart(self) -> Self:
        if "{schema}" in self.sidecar.tag:
            return self
        seen: dict[str, str] = {}
        for number, place in enumerate(self.sidecar.forward):
            schema = place.schema_name or self.output.schema_name
            if seen.setdefault(place.address, schema) != schema:
                raise InvalidError(
                    "events of two schemas would arrive here with one tag",
                    "write {schema} into sidecar.tag, for example clean.{schema}.{tag}",
                    *("sidecar", "forward", number, "address"),
                )
        return self

    def places(self) -> dict[str, list[Forward]]:
        """The places of the sidecar by the schema of what goes there; none where it writes to standard output."""
        found: dict[str, list[Forward]] = {}
        for place in self.sidecar.forward:
            found.setdefault(place.schema_name or self.output.schema_name, []).append(place)
        return found

    def schemas(self) -> tuple[str, ...]:
        """The schemas in which the sidecar writes each event."""
        return tuple(self.places()) or (self.output.schema_name,)

    def sources(self, fence: Fence | None = None) -> tuple[Source, ...]:
        """All sources that are on, in order of precedence: those of this configuration, of plugins, built-in ones.

        Whoever writes a mapping or installs a plugin means its records more than any recognizer of ours does.

        Args:
            fence: calls those of plugins.

        Raises:
            ConfigError: one cannot be loaded.
        """
        mapped = [mapping.source() for mapping in self.mapped]
        ours: list[Source] = []
        others: list[Source] = []
        for offer, source in plugins.select("sources", self.plugins.disable.sources):
            if offer.is_built_in:
                ours.append(source)
            else:
                from veilog_filters.fence.source import fenced

                others.append(fenced(source, fence or Fence(lambda: self.limits.record_secs)))
        return (*mapped, *others, *ours)

    def text_detectors(self) -> list[tuple[Offer, TextDetector]]:
        """The detectors of plugins that are on.

        Raises:
            ConfigError: one cannot be loaded.
        """
        plugins.check("detectors")
        if all(offer.is_built_in for offer in plugins.offers("detectors")):
            return []
        selected = plugins.select("detectors", self.plugins.disable.detectors)
        return [(offer, detector) for offer, detector in selected if not offer.is_built_in]

    def further_entities(self) -> frozenset[str]:
        """Entity types of the recognizers that are written here, and of plugins' detectors."""
        ours = [recognizer.entity for recognizer in self.detect.recognizers]
        return frozenset(ours).union(*(detector.entities for _, detector in self.text_detectors()))


def check_entities(
    names: Iterable[str], custom: Iterable[str], key_of: Callable[[int, str], tuple[str | int, ...]]
) -> None:
    """Whether there are recognizers for some entity types, in this configuration or another.

    Args:
        names: entity types that the configuration names.
        custom: those that its own recognizers find.
        key_of: the key of a name, by its place and itself.

    Raises:
        InvalidError: one does not exist.
    """
    from veilog_filters.detect import entities

    for number, name in enumerate(names):
        if not entities.exists(name, custom):
            fix = closest(name, entities.KNOWN.union(custom))
            raise InvalidError("no recognizer finds such an entity type", fix, *key_of(number, name))


def load_config(path: str | Path | None) -> Config:
    """The configuration in a file, with its relative paths resolved; the defaults if there is no file.

    Raises:
        ConfigError: something is wrong with it.
    """
    if path is None:
        return Config()
    return _resolved(load(path, Config), Path(path).parent)


def _resolved(model: ModelT, base: Path) -> ModelT:
    """The model with every path in it made relative to ``base``: ``file``, ``*_file``, ``unix`` and ``cache_dir``."""
    update: dict[str, Any] = {}
    for name, value in model:
        if isinstance(value, str) and value and (name in ("file", "unix", "cache_dir") or name.endswith("_file")):
            update[name] = str(base / value)
        elif isinstance(value, BaseModel):
            update[name] = _resolved(value, base)
        elif name.endswith("_files"):
            update[name] = [str(base / file) for file in value]
        elif isinstance(value, list):
            update[name] = [_resolved(item, base) if isinstance(item, BaseModel) else item for item in value]
        elif isinstance(value, dict):
            update[name] = {
                key: _resolved(item, base) if isinstance(item, BaseModel) else item for key, item in value.items()
            }
    return model.model_copy(update=update)


def read_secret(secret: Secret | None, key: str = "", file: str = "configuration") -> bytes:
    """The shared key or password that an option names; empty if there is no option.

    Raises:
        ConfigError: it is not there.
    """
    if secret is None:
        return b""

    def fail(problem: str, fix: str) -> ConfigError:
        place = f"{key}.{'env' if secret.env else 'file'}" if key else ""
        return ConfigError(Defect(file, line_of(file, key_of(place)), place, problem, fix))

    if secret.env:
        value = os.environb.get(secret.env.encode(), b"").strip()
        origin = variable(secret.env)
    else:
        origin = "the file"
        try:
            value = Path(secret.file).read_bytes().strip()
        except OSError as error:
            raise fail(f"cannot read the file: {reason_of(error)}", "put the secret there, or name its file") from None
    if not value:
        raise fail(f"there is no secret in {origin}", "put it there")
    return value


_MIN_CANARY_CHARS: Final = 8
_MAX_CANARIES: Final = 256


def read_canaries(config: Config, file: str = "configuration") -> dict[str, list[str]]:
    """The tokens of the canaries by name.

    Raises:
        ConfigError: one is not there, is too short, or there are too many. The error quotes nothing of it.
    """
    canaries: dict[str, list[str]] = {}
    for number, canary in enumerate(config.canaries):
        place: Key = ("canaries", number)
        secret = Secret(env=canary.env, file=canary.file)
        lines = read_secret(secret, dotted(place), file).decode("utf-8", "replace").splitlines()
        tokens = [line.strip() for line in lines if line.strip()]
        if min(map(len, tokens)) < _MIN_CANARY_CHARS:
            problem = f"a token has fewer than {_MIN_CANARY_CHARS} characters: it would be found by chance"
            raise ConfigError(Defect(file, line_of(file, place), dotted(place), problem, "make longer tokens"))
        canaries.setdefault(canary.name, []).extend(tokens)
    if sum(map(len, canaries.values())) > _MAX_CANARIES:
        problem = f"there are more than {_MAX_CANARIES} tokens"
        raise ConfigError(Defect(file, line_of(file, ("canaries",)), "canaries", problem, "plant fewer"))
    return canaries


NO_POLICY: Final = ClassificationPolicy(name="none", version="0", rules=[])
"""The policy where the built-in one is turned off and no other is named."""


def load_policy(config: Config) -> ClassificationPolicy:
    """The classification policy that a configuration names, or the built-in one, with the rules of all packs.

    Raises:
        ConfigError: something is wrong with the policy or a pack.
    """
    selected = plugins.select("rules", config.plugins.disable.rules)
    packs = [(offer, pack) for offer, pack in selected if isinstance(pack, RulePack)]
    file: str | Path = config.classify.policy_file
    if not file and any(offer.is_built_in for offer, _ in packs):
        file = DEFAULT_POLICY_FILE
    custom = config.further_entities()
    policy = _load_rules(file, ClassificationPolicy, custom) if file else NO_POLICY
    where = {rule.id: str(file) for rule in policy.rules}
    for offer, pack in packs:
        if offer.is_built_in:
            continue
        rules = _load_rules(pack.file, RuleFile, custom)
        _refuse_same_ids(rules, str(pack.file), where)
        policy = policy.with_pack(rules)
    return policy


def _refuse_same_ids(rules: RuleFile, file: str, where: dict[str, str]) -> None:
    """Whether the rules of a pack have ids of their own.

    Args:
        rules: the pack.
        file: its file.
        where: the files of all rules before, by id; those of the pack are added.

    Raises:
        ConfigError: a rule before has the id of one of them: nobody could say which of them decided a label.
    """
    defects = []
    for number, rule in enumerate(rules.rules):
        if rule.id in where:
            key: Key = ("rules", number, "id")
            problem = f"a rule in {where[rule.id]} has the id {shown(rule.id)} too"
            fix = "rename one of them, or turn the pack off in plugins.disable.rules"
            defects.append(Defect(file, line_of(file, key), dotted(key), problem, fix))
        where[rule.id] = file
    if defects:
        raise ConfigError(*defects)


def _load_rules(file: str | Path, model: type[RulesT], custom: Collection[str]) -> RulesT:
    policy = load(file, model)
    defects = []
    for number, rule in enumerate(policy.rules):
        try:
            check_entities(rule.when.entities, custom, lambda _, name: ("entities", name))
        except InvalidError as error:
            key = ("rules", number, "when", *error.key)
            defects.append(Defect(str(file), line_of(file, key), dotted(key), str(error), error.fix))
    if defects:
        raise ConfigError(*defects)
    return policy


def defect_of(path: str | None, key: str, error: ValueError) -> ConfigError:
    """An error about a value that only fails when it is used (a model that is not installed), with its place."""
    place: Key = key_of(key)
    fix = "name what is there, or install what is named"
    if isinstance(error, InvalidError):
        place, fix = (*place, *error.key), error.fix
    return ConfigError(Defect(path or "built-in defaults", line_of(path, place), dotted(place), str(error), fix))
