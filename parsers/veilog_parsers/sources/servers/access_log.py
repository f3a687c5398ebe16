"""Access logs of ordinary web servers, where the path is a model API's: nginx, Envoy, uvicorn, as text or as JSON.

Common and combined format, uvicorn's ``203.0.113.7:35940 - "POST /v1/chat/completions HTTP/1.1" 200 OK`` (vLLM,
LiteLLM and most Python servers), Envoy's default line; and JSON with the usual keys of nginx and Envoy. Such a line has
the caller, the time, the path, the status and the duration, but no prompt and no response. A line about any other path
is no AI log: it stays unrecognized. So does a path that other applications have too (``/api/chat``); the log of an
Ollama server is read by ``ollama``.

uvicorn prints no time and no duration. nginx counts seconds, Envoy milliseconds.
"""

from __future__ import annotations

import re
from typing import Any, Final

from veilog_parsers.event import AuditEvent, Kind, SensitiveText, UserType
from veilog_parsers.record.dropped import Why
from veilog_parsers.record.endpoints import is_model_api, model_at, operation_at, provider_at
from veilog_parsers.record.fields import (
    drop,
    drop_keys,
    drop_known,
    ignored_keys,
    keyset,
    paths,
    pop_count,
    pop_first,
    pop_identifier,
    pop_text,
)
from veilog_parsers.record.lines import find_line, markers, open_line, read_shipper_keys
from veilog_parsers.record.network import pop_address, pop_endpoint
from veilog_parsers.record.outcomes import outcome_of_status
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import pop_elapsed
from veilog_parsers.source import Source, Stability

COMBINED: Final = re.compile(
    r"^(?P<access_client_ip>[0-9A-Fa-f.:]{2,45}) \S{1,128} (?P<access_user>\S{1,256}) "
    r"\[(?P<access_time>[^\]\n]{1,40})\] "
    r'"(?P<access_method>[A-Z]{3,7}) (?P<access_path>[^\s"]{1,2000})(?: HTTP/[0-9.]{1,3})?" (?P<access_status>\d{3})'
    r' (?P<access_size>\d+|-)(?: "(?P<access_referer>[^"]{0,2000})" "(?P<access_user_agent>[^"]{0,1000})")?'
)
ENVOY: Final = re.compile(
    r"^\[(?P<access_time>[0-9T:.Z-]{20,30})\] "
    r'"(?P<access_method>[A-Z]{3,7}) (?P<access_path>[^\s"]{1,2000}) HTTP/[0-9.]{1,3}" '
    r"(?P<access_status>\d{1,3}) (?P<access_flags>\S{1,64}) (?:.{0,200}? )??"
    r"(?P<access_received>\d+) (?P<access_size>\d+) (?P<access_milliseconds>\d+) "
    r'\S{1,20} "(?P<access_client_ip>[^"]{1,200})" "(?P<access_user_agent>[^"]{0,1000})" '
    r'"(?P<access_request_id>[^"]{1,200})"'
)
UVICORN: Final = re.compile(
    r"(?:^|[\s|])(?P<access_client_ip>[0-9A-Fa-f.:]{2,45}):\d{1,5} - "
    r'"(?P<access_method>[A-Z]{3,7}) (?P<access_path>[^\s"]{1,2000}) HTTP/[0-9.]{1,3}" (?P<access_status>\d{3})'
)
_REQUEST: Final = re.compile(r'"[A-Z]{3,7} ([^\s"]{1,400})[^"]{0,20}" \d{1,3}')

_JSON_ENDPOINT: Final = paths("request request_uri uri path x-envoy-original-path http_path")
_ENDPOINT: Final = (("access_path",), *_JSON_ENDPOINT)
_USER_ID: Final = paths("access_user remote_user")
_CLIENT_IP: Final = paths(
    """
    http_x_forwarded_for x_forwarded_for x-forwarded-for access_client_ip remote_addr downstream_remote_address
    """
)
_STATUS: Final = paths("access_status status response_code")
_MILLISECONDS: Final = paths("access_milliseconds duration")
_REQUEST_BYTES: Final = paths("request_length access_received bytes_received")
_RESPONSE_BYTES: Final = paths("access_size body_bytes_sent bytes_sent")
_USER_AGENT: Final = paths("access_user_agent http_user_agent user_agent user-agent")
_REQUEST_ID: Final = paths("access_request_id request_id x-request-id")
_WEB_SERVERS: Final = (
    *("remote_addr", "request_time", "body_bytes_sent", "http_user_agent", "upstream_response_time"),
    *("downstream_remote_address", "response_flags", "upstream_host"),
)
_BODIES: Final = keyset("request_body requestBody response_body responseBody response resp res output input body")
_IGNORED_KEYS: Final = ignored_keys(
    """
    :authority access_flags access_method access_received:number access_referer access_size:number authority
    body_bytes_sent:number bytes_received:number bytes_sent:number connection:number connection_requests:number
    downstream_local_address host http_host http_referer http_x_forwarded_proto method msec:number protocol
    request_length:number request_method requested_server_name response_code_details response_flags route_name
    scheme server_name server_port:number server_protocol ssl_cipher ssl_protocol upstream_addr upstream_cluster
    upstream_connect_time:number upstream_header_time:number upstream_host upstream_local_address
    upstream_response_time:number upstream_service_time:number upstream_status:number
    upstream_transport_failure_reason connection_termination_details
    """
)


def _is_access_line(head: str) -> bool:
    request = _REQUEST.search(head) if "/" in head else None
    return request is not None and is_model_api(request[1])


def _path_in(request: Any) -> Any:
    """The path of a request line; anything else is returned unchanged."""
    words = request.split(" ", 2) if type(request) is str and len(request) < 4096 else []
    return words[1] if len(words) > 1 else request


def _is_access_record(fields: Fields) -> bool:
    # A record with bodies is a gateway's, and its parser reads the bodies too.
    request = fields.get("request")
    if not _BODIES.isdisjoint(fields) or (request is not None and (type(request) is not str or request[:1] in "{[")):
        return False
    return any(is_model_api(_path_in(fields.get(key))) for (key,) in _JSON_ENDPOINT)


def parse(fields: Fields) -> AuditEvent:
    """Read one line, or one record of a web server that logs JSON."""
    event = AuditEvent(kind=Kind.OTHER)
    if find_line(fields)[0]:
        open_line(fields, COMBINED, ENVOY, UVICORN)
    for key in [key for key, value in fields.items() if value in ("-", "")]:
        drop_known(fields, key)
    endpoint = pop_first(pop_endpoint, fields, _ENDPOINT)
    if endpoint is not None:
        event.kind = Kind.AI_ACCESS if is_model_api(endpoint) else Kind.OTHER
        event.endpoint = SensitiveText(endpoint)
        event.operation = operation_at(endpoint)
        event.model_name = model_at(endpoint)
        event.provider = provider_at(endpoint)
    if endpoint is not None:
        drop(fields, *_JSON_ENDPOINT, why=Why.DUPLICATE)
    event.user_id = pop_first(pop_identifier, fields, _USER_ID)
    if event.user_id is not None:
        event.user_type = UserType.USER
    event.client_ip = pop_first(pop_address, fields, _CLIENT_IP)
    event.user_agent = pop_first(pop_text, fields, _USER_AGENT)
    event.request_id = pop_first(pop_identifier, fields, _REQUEST_ID)
    _read_outcome(fields, event)
    read_shipper_keys(fields, event, "access_time", "time_iso8601", "time_local", "start_time")
    drop_keys(fields, _IGNORED_KEYS)
    return event


def _read_outcome(fields: Fields, event: AuditEvent) -> None:
    # 0 means that the client went away before there was a response.
    event.http_status = pop_first(pop_count, fields, _STATUS) or None
    event.outcome_status = outcome_of_status(event.http_status)
    milliseconds = pop_first(pop_elapsed, fields, _MILLISECONDS)
    seconds = pop_elapsed(fields, "request_time")
    if milliseconds is None and seconds is not None:
        milliseconds = round(seconds * 1000, 3)
    event.request_bytes = pop_first(pop_count, fields, _REQUEST_BYTES)
    event.response_bytes = pop_first(pop_count, fields, _RESPONSE_BYTES)
    event.latency_ms = milliseconds


SOURCE: Final = Source(
    name="access_log",
    summary="Access logs of nginx, Envoy, uvicorn and their like, where the path is a model API's.",
    stability=Stability.BETA,
    never_carries="Prompts, responses, models (but in paths) and tokens.",
    references=(
        "https://nginx.org/en/docs/http/ngx_http_log_module.html",
        "https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage",
    ),
    markers={**markers(_is_access_line, "access_path"), **dict.fromkeys(_WEB_SERVERS, _is_access_record)},
    parse=parse,
)
