"""Gateways and home-grown middleware: one record per call, with the bodies of request and response.

There is no standard for such logs, but there are conventions: two bodies (objects, or JSON in strings) under a few
usual keys, and beside them caller, time, address and duration under others. ``bodies`` reads the bodies of any
provider; a field of the record takes precedence over a field of a body.

HTTP loggers put the bodies into ``request`` and ``response`` objects, beside ``headers``, ``url`` and ``status``: these
are read too. Only the few headers that an audit trail needs are read. All others are withheld, since they hold
credentials.
"""

from __future__ import annotations

import re
from typing import Any, Final

from veilog_parsers.bodies.flat import has_generated
from veilog_parsers.bodies.read import flattened, is_converse_response, open_body, read_exchange
from veilog_parsers.event import AuditEvent, Kind, UserType
from veilog_parsers.record.decoding import keep_under
from veilog_parsers.record.endpoints import is_model_api
from veilog_parsers.record.fields import (
    Path,
    drop,
    drop_keys,
    ignored_keys,
    keyset,
    paths,
    peek,
    pop,
    pop_first,
    pop_identifier,
    pop_text,
    withhold,
)
from veilog_parsers.record.network import pop_address
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_elapsed, pop_time
from veilog_parsers.source import KeyedTest, Source, Stability, Test
from veilog_parsers.sources.usual_names import (
    CREDENTIAL_KEYS,
    NAMES,
    USUAL,
    present,
    read_outcome,
    read_what,
    read_who,
)

_REQUEST_ID_HEADERS: Final = paths("x-request-id request-id apim-request-id")

_IGNORED_KEYS: Final = CREDENTIAL_KEYS | ignored_keys("stream:flag streaming:flag")

_REQUEST_LINE: Final = re.compile(
    r"(?:[A-Z]{3,7} )?[a-z]{0,5}:?/\S{0,2000}(?: HTTP/[0-9.]{1,3})?|[A-Z]{3,7}|[1-5][0-9]{2}(?: [A-Za-z ]{0,32})?"
)
"""A string under the key of a body that is none: a request line, a URL, a method, a status."""
_BODY_STARTS: Final = ("{", "[", "data:", "event:")
_PROMPT_KEYS: Final = keyset(
    "messages prompt input contents system instructions message chat_history texts inputs query"
)
_REQUEST_PARTS: Final = ("messages", "prompt", "contents")
_ANSWER_KEYS: Final = keyset("choices output content completion data embeddings usage done")
_UNMISTAKABLE_KEYS: Final = keyset(
    "candidates usageMetadata promptFeedback modelVersion generated_text generation_id tokens_predicted"
)
"""Keys of responses that do not name their model: those of Gemini, TGI, Cohere and llama.cpp."""


def _text_has(text: str, *keys: str) -> bool:
    """Whether a text has one of some keys, in JSON or in Python's ``repr``."""
    return any(f'"{key}"' in text for key in keys) or ("'" in text and any(f"'{key}'" in text for key in keys))


def _is_model_request(body: Any) -> bool:
    """Whether a request body is one to a model: it has a model and a prompt, or messages with roles."""
    if type(body) is str:
        return (_text_has(body, "model") and _text_has(body, *_PROMPT_KEYS)) or (
            _text_has(body, "role") and _text_has(body, "messages", "contents")
        )
    if type(body) is not dict:
        return False
    if not body.keys().isdisjoint(_PROMPT_KEYS) and ("model" in body or "max_new_tokens" in _parameters(body)):
        return True
    turns = body.get("messages") or body.get("contents")
    first = turns[0] if type(turns) is list and turns else None
    return type(first) is dict and ("role" in first or "parts" in first)


def _parameters(body: Fields) -> Any:
    """The parameters of a TGI request. It names no model, since a TGI server has only one."""
    parameters = body.get("parameters")
    return parameters if type(parameters) is dict else ()


def _is_model_response(body: Any) -> bool:
    """Whether a response body, or one of the first events of a stream, is one of a model."""
    if type(body) is str:
        return (_text_has(body, "model") and _text_has(body, *_ANSWER_KEYS)) or _text_has(body, *_UNMISTAKABLE_KEYS)
    if type(body) is list:
        return any(_is_model_response(event) for event in flattened(body)[:3] if type(event) is dict)
    if type(body) is not dict:
        return False
    inner = body.get("message") or body.get("response")
    return (
        ("model" in body and not body.keys().isdisjoint(_ANSWER_KEYS))
        or not body.keys().isdisjoint(_UNMISTAKABLE_KEYS)
        or has_generated(body)
        or is_converse_response(body)
        or (type(inner) is dict and "model" in inner)
    )


def _test_of_exchanges(keys: frozenset[str]) -> Test:
    """Make the test of records.

    Web logs have requests and responses too: a body or a path must be one of a model API.
    """
    bodies = present(keys)
    # Paths of one key come first: most records are recognized by one.
    tests = [(path, _is_model_request) for path in sorted(bodies.request_body, key=len)]
    tests += [(path, _is_model_response) for path in sorted(bodies.response_body, key=len)]

    def is_exchange(fields: Fields) -> bool:
        for path, is_models in tests:
            if is_models(peek(fields, *path)):
                return True
        return any(is_model_api(peek(fields, *path)) for path in NAMES.get(fields).endpoint)

    return is_exchange


def _open_first(fields: Fields, usual: tuple[Path, ...]) -> Any:
    """Decode the first body in place, and return it."""
    texts = []
    for path in usual:
        body = peek(fields, *path)
        if type(body) is dict:
            return body
        if type(body) is list or (type(body) is str and body.lstrip().startswith(_BODY_STARTS)):
            return open_body(fields, *path)
        if body == "":
            pop(fields, *path)
        elif type(body) is str and not _REQUEST_LINE.fullmatch(body):
            texts.append(path)
    # A body that is only a text counts if there is no other.
    return open_body(fields, *texts[0]) if texts else None


def _gather_request(fields: Fields) -> Fields | None:
    """Gather the parts of a request that stand in the record by themselves, beside a response."""
    parts: Fields = {key: fields.pop(key) for key in _REQUEST_PARTS if key in fields}
    if not parts:
        return None
    keep_under(fields, "request", parts)
    return parts


def _pop_headers(fields: Fields, usual: tuple[Path, ...]) -> dict[str, Any]:
    """Pop all headers of request and response, with their names in lower case."""
    headers: dict[str, Any] = {}
    for path in usual:
        found = pop(fields, *path)
        if type(found) is dict:
            for name, value in found.items():
                _add_header(headers, name.lower(), value)
        elif found:
            _add_header(headers, path[-1], found)
    return headers


def _add_header(headers: dict[str, Any], name: str, value: Any) -> None:
    """Add a header. Its other values, and the one of the response, are kept beside it, so that they are counted."""
    if type(value) is list and value:
        if len(value) > 1:
            keep_under(headers, name, value[1:])
        value = value[0]
    if name in headers:
        keep_under(headers, name, headers[name])
    headers[name] = value


def _read_headers(headers: Fields, event: AuditEvent) -> None:
    """Read from headers what the record itself does not have."""
    event.tenant_id = event.tenant_id or pop_identifier(headers, "openai-organization")
    event.client_ip = event.client_ip or pop_address(headers, "x-forwarded-for") or pop_address(headers, "x-real-ip")
    event.user_agent = event.user_agent or pop_text(headers, "user-agent")
    event.request_id = event.request_id or pop_first(pop_identifier, headers, _REQUEST_ID_HEADERS)
    if event.latency_ms is None:
        event.latency_ms = pop_elapsed(headers, "openai-processing-ms")


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    names = NAMES.get(fields)
    request, response = _open_first(fields, names.request_body), _open_first(fields, names.response_body)
    if request is None:
        request = _gather_request(fields)
    event = AuditEvent(kind=Kind.AI_ACCESS, timestamp=pop_first(pop_time, fields, names.time))
    headers = _pop_headers(fields, names.headers)
    read_who(fields, names, event)
    read_what(fields, names, event)
    read_outcome(fields, names, event)
    if headers:
        _read_headers(headers, event)
        # The other headers may be credentials.
        fields["headers"] = headers
        withhold(fields, "headers")
    drop_keys(fields, _IGNORED_KEYS)
    drop(fields, *names.method)
    read_exchange(request, response).apply(event)
    if event.user_id is not None or event.user_name is not None:
        event.user_type = UserType.USER
    return event


SOURCE: Final = Source(
    name="openai_gateway",
    summary="Request and response bodies of model APIs, as gateways and home-grown middleware log them.",
    stability=Stability.STABLE,
    never_carries="What the gateway chose not to log. A name outside the usual ones ends in `unmapped`.",
    references=(
        "https://platform.openai.com/docs/api-reference",
        "https://docs.anthropic.com/en/api/messages",
        "https://ai.google.dev/api/generate-content",
        "https://github.com/ollama/ollama/blob/main/docs/api.md",
    ),
    markers=dict.fromkeys(
        (path[0] for path in (*USUAL.request_body, *USUAL.response_body)), KeyedTest(_test_of_exchanges)
    ),
    parse=parse,
)
