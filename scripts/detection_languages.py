"""How conditions of Sigma rules on veilog's events are written in the languages of SIEMs and of the tests.

The rules name fields of ``veilog/1`` (docs/reference/fields.md), and two that are made of them (``DERIVED``). Each
language here has a table of where these stand in its SIEM, taken from the encoders' own tables where it can be, and a
backend of pySigma. SPL, ES|QL, EQL and SQLite have backends of others; Kusto's and YARA-L's refuse correlations and
write what binds and finds nothing, so the two here write conditions alone, and templates do the rest (``detections``).

**Lists.** ``threats.severity: high`` means that some threat is high. Splunk has fields with many values that work so.
In ES|QL a comparison with such a field is null; in SQLite and Kusto there are none. There the list is one text with
separators, and the rule looks for the value between two of them.

**What is absent.** In Sigma ``not x`` holds where the field is absent. In ES|QL and SQLite a comparison with nothing is
nothing, so ``not`` takes that for false first.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, ClassVar, Final

from sigma.backends.elasticsearch.elasticsearch_eql import EqlBackend
from sigma.backends.elasticsearch.elasticsearch_esql import ESQLBackend
from sigma.backends.splunk.splunk import SplunkBackend
from sigma.backends.sqlite.sqlite import sqliteBackend
from sigma.collection import SigmaCollection
from sigma.conditions import ConditionAND, ConditionFieldEqualsValueExpression, ConditionItem, ConditionNOT, ConditionOR
from sigma.conversion.base import TextQueryBackend
from sigma.conversion.state import ConversionState
from sigma.correlations import SigmaCorrelationRule
from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline
from sigma.processing.transformations import FieldMappingTransformation
from sigma.processing.transformations.base import StringValueTransformation
from sigma.rule import SigmaRule
from sigma.types import CompareOperators, SigmaString, SpecialChars

from veilog_filters.encode import ecs, splunk_cim
from veilog_filters.encode.mappings import rows
from veilog_filters.encode.table import Table
from veilog_parsers.event import AuditEvent

DERIVED: Final = {
    "caller": ("user_id", "user_name"),
    "place": ("network.country", "client_ip"),
}
"""Fields that detections have besides those of events: the first one of these that is there."""
INDEX: Final = "logs-veilog-*"


class Kind(StrEnum):
    """What a field holds."""

    TEXT = "text"
    NUMBER = "number"
    TRUTH = "truth"
    LIST = "list"
    OBJECTS = "objects"


def _options(hint: Any) -> list[Any]:
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return [option for option in (typing.get_args(hint) if is_union else (hint,)) if option is not types.NoneType]


def _kind(hint: Any) -> Kind:
    options = _options(hint)
    if any(typing.get_origin(option) is list for option in options):
        return Kind.LIST
    if bool in options:
        return Kind.TRUTH
    return Kind.NUMBER if int in options or float in options else Kind.TEXT


def kind_of(field: str) -> Kind:
    """What a field of ``veilog/1`` holds.

    Raises:
        KeyError: if there is no such field.
    """
    if field in DERIVED:
        return Kind.TEXT
    hint: Any = AuditEvent
    in_list = False
    for part in field.split("."):
        options = _options(hint)
        lists = [option for option in options if typing.get_origin(option) is list]
        in_list = in_list or bool(lists)
        inner = [argument for option in lists for argument in _options(typing.get_args(option)[0])]
        owner = next((option for option in [*options, *inner] if dataclasses.is_dataclass(option)), None)
        if owner is None:
            raise KeyError(field)
        hint = typing.get_type_hints(owner)[part]
    return Kind.OBJECTS if in_list else _kind(hint)


def fields_of(rules: SigmaCollection) -> list[str]:
    """The fields that rules ask for, each once."""
    found: dict[str, None] = {}

    def walk(condition: Any) -> None:
        if isinstance(condition, ConditionFieldEqualsValueExpression):
            found[condition.field] = None
        for argument in getattr(condition, "args", ()):
            walk(argument)

    for rule in rules.rules:
        if isinstance(rule, SigmaRule):
            for parsed in rule.detection.parsed_condition:
                walk(parsed.parsed)
        else:
            found |= dict.fromkeys(_of_correlation(rule))
    return list(found)


def _of_correlation(rule: SigmaCorrelationRule) -> list[str]:
    field = getattr(rule.condition, "fieldref", None)
    return [*(rule.group_by or ()), *([field] if isinstance(field, str) else [])]


@dataclasses.dataclass
class _Items(StringValueTransformation):
    """Makes of a value that a list must have the pattern of a text that holds the list.

    Attributes:
        pattern: makes the pattern of a field and a value.
    """

    pattern: Callable[[str, str], str]

    def apply_string_value(self, field: str | None, val: SigmaString) -> SigmaString:
        if field is None or kind_of(field) not in (Kind.LIST, Kind.OBJECTS):
            return val
        return SigmaString(self.pattern(field, str(val)))


def _pipeline(
    fields: Iterable[str], place: Callable[[str], str], pattern: Callable[[str, str], str] | None
) -> ProcessingPipeline:
    items = [] if pattern is None else [ProcessingItem(_Items(pattern))]
    mapping: dict[str | None, str | list[str]] = {field: place(field) for field in fields}
    return ProcessingPipeline(name="veilog", items=[*items, ProcessingItem(FieldMappingTransformation(mapping))])


def _between_bars(_field: str, value: str) -> str:
    return f"*|{value}|*"


def _targets(table: Table) -> dict[str, str]:
    """By field of ``veilog/1``, its first place that takes every value."""
    found: dict[str, str] = {}
    fallbacks = table.fallbacks()
    for row in rows(table):
        found.setdefault(row.field, fallbacks.get(row.field, row.target))
    for row in table.rows:
        if row.transform is None:
            found[row.field] = row.target
    return found


# SQLite ---------------------------------------------------------------------------------------------------------------


def sqlite_rules(rules: SigmaCollection, table: str) -> str:
    """The query of SQLite for rules of which one tells something: the others are its parts.

    Its table has a column for each field, lists as texts between bars.
    """
    pipeline = _pipeline(fields_of(rules), lambda field: field, _between_bars)
    backend = sqliteBackend(  # type: ignore[no-untyped-call]
        pipeline, table=table, timestamp_field="timestamp", event_id_field="event_id"
    )
    (query,) = backend.convert(rules)
    return str(query)


def sqlite_condition(rule: SigmaCollection) -> str:
    """The condition of a rule in SQLite."""
    return sqlite_rules(rule, "events").partition(" WHERE ")[2]


# Splunk ---------------------------------------------------------------------------------------------------------------

_IN_SPLUNK: Final = _targets(splunk_cim.TABLE)


def splunk_field(field: str) -> str:
    """The name of a field in Splunk's automatic extraction of JSON."""
    if field in DERIVED or field == "kind":
        return field
    if kind_of(field) is Kind.OBJECTS:
        first, _, rest = _native(field, _IN_SPLUNK).partition(".")
        return f"{first}{{}}.{rest}"
    return _native(field, _IN_SPLUNK) + ("{}" if kind_of(field) is Kind.LIST else "")


def _native(field: str, places: dict[str, str]) -> str:
    whole, _, part = field.partition(".")
    place = places.get(field) or f"{places.get(whole, f'event.{whole}')}.{part}"
    return place.removeprefix("event.")


class _Splunk(SplunkBackend):
    """SPL that names lists without quotes, as all queries here do."""

    field_quote_pattern: ClassVar[re.Pattern[str]] = re.compile(r"^[\w.{}]+$")


def splunk_rules(rules: SigmaCollection) -> str:
    """The search for rules of which one tells something."""
    backend = _Splunk(_pipeline(fields_of(rules), splunk_field, None))
    (query,) = backend.convert(rules)
    return str(query)


# Elastic --------------------------------------------------------------------------------------------------------------

_IN_ECS: Final = _targets(ecs.TABLE)


def ecs_field(field: str) -> str:
    """The name of a field in ECS."""
    whole, _, part = field.partition(".")
    return _IN_ECS.get(field) or f"{_IN_ECS.get(whole, f'{ecs.TABLE.extension}.{whole}')}.{part}"


def esql_field(field: str) -> str:
    """The name of a field or of the column that ``esql_columns`` makes of it."""
    is_made = field in DERIVED or kind_of(field) in (Kind.LIST, Kind.OBJECTS)
    return field.replace(".", "_") if is_made else ecs_field(field)


def esql_columns(fields: Iterable[str]) -> list[str]:
    """What makes the columns of derived fields and of lists; ``STATS ... BY`` takes lists as they are."""
    made = []
    for field in fields:
        if field in DERIVED:
            made.append(f"{field} = COALESCE({', '.join(map(ecs_field, DERIVED[field]))})")
        elif kind_of(field) in (Kind.LIST, Kind.OBJECTS):
            made.append(f'{esql_field(field)} = CONCAT("|", MV_CONCAT({ecs_field(field)}, "|"), "|")')
    return made


class _Esql(ESQLBackend):
    """ES|QL in which a comparison with an absent field is false before it is negated."""

    def convert_condition_not(self, cond: ConditionNOT, state: ConversionState) -> Any:
        return f"not coalesce({self.convert_condition(cond.args[0], state)}, false)"


def esql_rules(rules: SigmaCollection) -> str:
    """The query of ES|QL for rules of which one tells something."""
    grouped = [field for rule in rules.rules if isinstance(rule, SigmaCorrelationRule) for field in rule.group_by or ()]

    def place(field: str) -> str:
        return ecs_field(field) if field in grouped and field not in DERIVED else esql_field(field)

    (query,) = _Esql(_pipeline(fields_of(rules), place, _between_bars)).convert(rules)
    return str(query)


def esql_condition(rule: SigmaCollection) -> str:
    """The condition of a rule in ES|QL."""
    return esql_rules(rule).partition("| where ")[2]


class _Eql(EqlBackend):
    """EQL, in which ``:`` compares texts alone. Its fields may have many values."""

    def convert_condition_field_eq_val_bool(
        self,
        cond: ConditionFieldEqualsValueExpression,
        state: ConversionState,  # noqa: ARG002
    ) -> Any:
        return f"{self.escape_and_quote_field(cond.field)} == {str(cond.value).lower()}"


def eql_condition(rule: SigmaCollection) -> str:
    """The condition of a rule in EQL."""
    (query,) = _Eql(_pipeline(fields_of(rule), eql_field, None)).convert(rule)
    return str(query).partition(" where ")[2]


def eql_field(field: str) -> str:
    """The name of a field in ECS; EQL makes no fields of others, so a caller is who has an id."""
    return ecs_field(DERIVED[field][0] if field in DERIVED else field)


# Kusto and YARA-L -----------------------------------------------------------------------------------------------------


class _Conditions(TextQueryBackend):
    """What the two backends that write conditions alone have in common."""

    name: ClassVar[str] = "conditions"
    formats: ClassVar[dict[str, str]] = {"default": "conditions"}
    requires_pipeline: ClassVar[bool] = True
    precedence: ClassVar[tuple[type[ConditionItem], type[ConditionItem], type[ConditionItem]]] = (
        ConditionNOT,
        ConditionAND,
        ConditionOR,
    )
    parenthesize: bool = True
    group_expression: ClassVar[str] = "({expr})"
    token_separator: str = " "
    or_token: ClassVar[str] = "or"
    and_token: ClassVar[str] = "and"
    not_token: ClassVar[str] = "not"
    str_quote: ClassVar[str] = '"'
    escape_char: ClassVar[str] = "\\"
    wildcard_multi: ClassVar[str] = "*"
    wildcard_single: ClassVar[str] = "?"
    add_escaped: ClassVar[str] = "\\"
    bool_values: ClassVar[dict[bool, str | None]] = {True: "true", False: "false"}
    compare_op_expression: ClassVar[str] = "{field} {operator} {value}"
    compare_operators: ClassVar[dict[CompareOperators, str]] = {
        CompareOperators.LT: "<",
        CompareOperators.LTE: "<=",
        CompareOperators.GT: ">",
        CompareOperators.GTE: ">=",
    }
    list_separator: ClassVar[str] = ", "
    convert_or_as_in: ClassVar[bool] = False
    convert_and_as_in: ClassVar[bool] = False

    def escape_and_quote_field(self, field_name: str) -> str:
        """A field stands for an expression here, which nobody quotes."""
        return field_name


_IN_KUSTO: Final = {
    "source": "Source",
    "kind": "Kind",
    "caller": "Caller",
    "place": "Place",
    "user_id": "ActorUserId",
    "user_name": "ActorUsername",
    "user_type": "UserType",
    "model_name": "Model",
    "provider": "Provider",
    "operation": "EventType",
    "api_operation": "ApiOperation",
    "conversation_id": "EventSessionId",
    "agent.id": "SrcAgentId",
    "client_ip": "ClientAddress",
    "endpoint": "Endpoint",
    "outcome_status": "Outcome",
    "error_code": "ErrorCode",
    "input_tokens": "InputTokensUsed",
    "output_tokens": "OutputTokensUsed",
    "cost_usd": "CostUsd",
    "guardrail.action": "GuardrailAction",
    "cloud.resource": "Resource",
}
"""Columns of the function ``Veilog`` and of its table, by field."""
_AS_KUSTO: Final = {
    Kind.TEXT: "tostring",
    Kind.LIST: "tostring",
    Kind.OBJECTS: "tostring",
    Kind.NUMBER: "todouble",
    Kind.TRUTH: "tobool",
}


def kusto_dynamic(field: str) -> str:
    """Where a field without a column stands below the dynamic column; the whole list for a part of its objects."""
    return f"AdditionalFields.{field.partition('.')[0] if kind_of(field) is Kind.OBJECTS else field}"


def kusto_field(field: str) -> str:
    """The expression of a field in the language of Kusto, over the function ``Veilog``."""
    return _IN_KUSTO.get(field) or f"{_AS_KUSTO[kind_of(field)]}({kusto_dynamic(field)})"


def kusto_name(field: str) -> str:
    """The name of a column that a query makes of a field."""
    return "".join(word.capitalize() for word in re.split(r"[._]", field))


def _quoted(field: str, value: str) -> str:
    if value.startswith("*"):
        return value
    key = f'"{field.rpartition(".")[2]}":' if kind_of(field) is Kind.OBJECTS else ""
    return f'*{key}"{value}"*'


class _Kusto(_Conditions):
    """Conditions in the language of Kusto."""

    eq_token: ClassVar[str] = " == "
    startswith_expression: ClassVar[str] = "{field} startswith_cs {value}"
    endswith_expression: ClassVar[str] = "{field} endswith_cs {value}"
    contains_expression: ClassVar[str] = "{field} contains_cs {value}"
    startswith_expression_allow_special: ClassVar[bool] = False
    endswith_expression_allow_special: ClassVar[bool] = False
    contains_expression_allow_special: ClassVar[bool] = False
    field_exists_expression: ClassVar[str] = "isnotempty({field})"
    field_not_exists_expression: ClassVar[str] = "isempty({field})"
    field_null_expression: ClassVar[str] = "isempty({field})"
    convert_or_as_in: ClassVar[bool] = True
    in_expressions_allow_wildcards: ClassVar[bool] = False
    field_in_list_expression: ClassVar[str] = "{field} {op} ({list})"
    or_in_operator: ClassVar[str] = "in"

    def convert_condition_not(self, cond: ConditionNOT, state: ConversionState) -> Any:
        """Negation is a function there."""
        return f"not({self.convert_condition(cond.args[0], state)})"


def kusto_condition(rule: SigmaCollection) -> str:
    """The condition of a rule in the language of Kusto."""
    (query,) = _Kusto(_pipeline(fields_of(rule), kusto_field, _quoted)).convert(rule)
    return str(query)


_IN_UDM: Final = {
    "kind": 'additional.fields["kind"]',
    "source": 'additional.fields["source"]',
    "outcome_status": 'additional.fields["outcome_status"]',
    "user_type": 'additional.fields["user_type"]',
    "operation": 'additional.fields["operation"]',
    "conversation_id": 'additional.fields["conversation_id"]',
    "inference_region": 'additional.fields["inference_region"]',
    "guardrail.action": 'additional.fields["guardrail_action"]',
    "api_operation": "metadata.product_event_type",
    "caller": "principal.user.userid",
    "user_id": "principal.user.userid",
    "user_name": "principal.user.user_display_name",
    "client_ip": "principal.ip",
    "provider": "target.application",
    "model_name": "target.resource.name",
    "cloud.resource": "target.resource.product_object_id",
    "endpoint": "target.url",
    "request_bytes": "network.sent_bytes",
    "response_bytes": "network.received_bytes",
    "http_status": "network.http.response_code",
    "error_code": "security_result.summary",
    "data_categories": "security_result.category_details",
}
"""Fields for which Google documents how a rule asks for them."""


def udm_lacks(fields: Iterable[str]) -> list[str]:
    """Those fields that a rule of YARA-L cannot ask for."""
    return [field for field in fields if field not in _IN_UDM]


def udm_field(field: str, variable: str = "$e") -> str:
    """A field of an event in a rule of YARA-L."""
    return f"{variable}.{_IN_UDM[field]}"


class _YaraL(_Conditions):
    """Conditions in YARA-L. A field with many values matches if any of them does."""

    eq_token: ClassVar[str] = " = "
    field_exists_expression: ClassVar[str] = '{field} != ""'
    field_not_exists_expression: ClassVar[str] = '{field} = ""'
    field_null_expression: ClassVar[str] = '{field} = ""'

    def convert_condition_field_eq_val_str(
        self, cond: ConditionFieldEqualsValueExpression, state: ConversionState
    ) -> Any:
        """Patterns are regular expressions there."""
        value = cond.value
        if not (isinstance(value, SigmaString) and value.contains_special()):
            return super().convert_condition_field_eq_val_str(cond, state)
        parts = [".*" if part is SpecialChars.WILDCARD_MULTI else re.escape(str(part)) for part in value.s]
        pattern = "^" + "".join(parts).replace("/", "\\/") + "$"
        return f"{cond.field} = /{pattern.removeprefix('^.*').removesuffix('.*$')}/"


def yara_l_condition(rule: SigmaCollection, variable: str = "$e") -> str:
    """The condition of a rule in YARA-L."""
    fields = fields_of(rule)
    (query,) = _YaraL(_pipeline(fields, lambda field: udm_field(field, variable), None)).convert(rule)
    return str(query)
