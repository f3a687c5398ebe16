"""Addresses and endpoints as logs write them, without the parts that may hold secrets.

Queries carry keys and tokens, user info carries passwords, and neither says what was called. Ports and proxies go too,
so that one caller has one address in the events of all sources.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from veilog_parsers.event import SensitiveText
from veilog_parsers.record.fields import as_identifier, peek, pop
from veilog_parsers.record.prose import text_may_hold_prose
from veilog_parsers.record.raw import Fields

_REQUEST_LINE: Final = re.compile(r"(?:[A-Z]{3,7} )?(\S+)(?: HTTP/[0-9.]{1,3})?")
_USER_INFO: Final = re.compile(r"(^|//)[^/\s]*@")
_OCTET: Final = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4: Final = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
"""An address that ``ipaddress`` would not change. Most addresses are such, and this pattern is ten times as fast."""
_MASKED_IPV4: Final = re.compile(rf"{_OCTET}\.{_OCTET}\.(?:{_OCTET}|\*{{1,3}}|x{{1,3}})\.(?:\*{{1,3}}|x{{1,3}})")
"""An address whose last octets the source hides: ``81.2.69.***`` in Azure's logs. It still tells the network."""
_IPV4_PORT: Final = re.compile(r"((?:[0-9]{1,3}\.){3}[0-9]{1,3}):[0-9]{1,5}")
_MAX_ADDRESS_CHARS: Final = 128
"""Enough for 45 characters, zone and port. ``ipaddress`` takes ten times as much memory as its input has."""
_BRACKETED: Final = re.compile(r"\[([0-9A-Fa-f:.]{2,45})\](?::[0-9]{1,5})?")
_CREDENTIAL: Final = re.compile(
    r"[?&](?:key|api[-_]?key|sig|code|token|access_token)=(?=[A-Za-z_-]*[0-9])[A-Za-z0-9%_.-]{16,256}", re.IGNORECASE
)
"""Keys and tokens in queries, as the clients of Google and Azure send them. They are removed."""

_PARAMETER: Final = re.compile(
    r"(?<=[?&])(?:"
    r"\$?alt=[a-z]{3,5}(?:;enum-encoding=int)?|enum-encoding=int|(?:prettyPrint|stream|beta)=(?:true|false|0|1)"
    r"|api[-_]version=v?[0-9][0-9.-]{0,15}(?:preview|beta|alpha|latest)?[0-9]{0,2}"
    r")(?=[&#]|$)"
)
"""Settings in queries, as the clients of Google, Azure and Anthropic send them. They are removed."""


def without_query(url: str) -> str:
    """A URL or path up to its query or fragment."""
    return url.partition("?")[0].partition("#")[0]


def pop_endpoint(fields: Fields, *path: str) -> str | None:
    """Pop a path, a URL or the path of an HTTP request line, without user info and without a query.

    A query that could hold prose is kept, so that the whole is no identifier, and stays in the record.
    """
    value = peek(fields, *path)
    match = _REQUEST_LINE.fullmatch(value) if type(value) is str else None
    if match is None:
        return None
    endpoint = without_query(match[1])
    if text_may_hold_prose(_PARAMETER.sub("", _CREDENTIAL.sub("", match[1][len(endpoint) :]))):
        # A sentence in the query may have begun before it.
        endpoint = match[1]
    if "@" in endpoint:
        endpoint = _USER_INFO.sub(r"\1", endpoint)
    if as_identifier(endpoint) is None:
        return None
    pop(fields, *path)
    return endpoint


def pop_endpoint_text(fields: Fields, *path: str) -> SensitiveText | None:
    """Pop an endpoint (see ``pop_endpoint``) as a text, as events have it."""
    endpoint = pop_endpoint(fields, *path)
    return None if endpoint is None else SensitiveText(endpoint)


def pop_address(fields: Fields, *path: str) -> SensitiveText | None:
    """Pop an IP address, without a port; of a list of proxies the first. An address without its last octets is one."""
    value = peek(fields, *path)
    if type(value) is not str:
        return None
    if _IPV4.fullmatch(value) or _MASKED_IPV4.fullmatch(value):
        pop(fields, *path)
        return SensitiveText(value)
    first = value.partition(",")[0].strip()
    if len(first) > _MAX_ADDRESS_CHARS:
        return None
    match = _IPV4_PORT.fullmatch(first) or _BRACKETED.fullmatch(first)
    try:
        address = ipaddress.ip_address(match[1] if match else first)
    except ValueError:
        return None
    pop(fields, *path)
    return SensitiveText(str(address))
