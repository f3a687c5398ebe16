"""What Python's ``repr`` wrote into a log: strings, and lists and objects of them.

They are decoded here by hand, never evaluated. Lists and objects are rewritten as JSON, literal by literal, and a JSON
decoder with its bounds reads that.
"""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

_ESCAPE: Final = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))", re.DOTALL)
_PLAIN_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t"}
_LITERAL: Final = re.compile(
    r"'[^'\\]*+(?:\\.[^'\\]*+)*+'|\"[^\"\\]*+(?:\\.[^\"\\]*+)*+\"|\b(?:True|False|None)\b", re.DOTALL
)
_WORDS: Final = {"True": "true", "False": "false", "None": "null"}
_BEGINNINGS: Final = re.compile(r"""\s*(?:\[\s*)?(?:\{\s*['"]|\[\s*\]|\{\s*\})""")


def unquoted(literal: str) -> str:
    """The text that a Python string literal (its ``repr``) stands for, whole or cut off; "" for ``None``."""
    if literal[:1] not in ("'", '"'):
        return ""
    text = literal[1:-1] if len(literal) > 1 and literal[-1] == literal[0] else literal[1:]
    return _ESCAPE.sub(_character, text) if "\\" in text else text


def decoded(text: str) -> Any:
    """The object, or the list of objects, that a text is the ``repr`` of; None if it is of none."""
    if not _BEGINNINGS.match(text):
        return None
    try:
        return orjson.loads(_LITERAL.sub(_as_json, text))
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None


def _character(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2] or escape[3]
    if code is None:
        return _PLAIN_ESCAPES.get(escape[4], escape[4])
    number = int(code, 16)
    # Half a surrogate pair is no character, and no encoder takes it.
    return "\ufffd" if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF else chr(number)


def _as_json(literal: re.Match[str]) -> str:
    return _WORDS.get(literal[0]) or orjson.dumps(unquoted(literal[0])).decode()
