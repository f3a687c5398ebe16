"""Tells which values cannot hold prose, and so may be dropped unread: numbers, flags, ids, single words.

Parsers drop what an audit trail does not need: settings, fingerprints, vectors. They drop a value for what it *is*,
never for its key alone, since one day there may be a prompt under any key. A value that could hold a sentence stays in
the record and becomes part of ``unmapped``.

A sentence has many spellings: joined by underscores or capitals, with invisible spaces, percent-encoded, full-width, in
base64. So the rule is positive. A string holds no prose if it is

* at most ``MAX_WORD_CHARS`` long, and has no three words in a row, or
* plain ASCII, at most ``MAX_ID_CHARS`` long, with at most ``MAX_WORDS`` runs of letters that read like words, none of
  them longer than a word is, and no base64 or hexadecimal code of a text, or
* the name of a thing in a well-known system of names (an ARN, a URL, a resource of Google's, a type): a few words in
  each segment, and not many in all.

So at most a few words without blanks are dropped, about as many as a name may have. Three words with blanks between
them are a phrase, and never the name of a thing.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final

from veilog_parsers.errors import RecordError
from veilog_parsers.record.decoding import decode_one

MAX_WORD_CHARS: Final = 16
MAX_ID_CHARS: Final = 128
MAX_WORDS: Final = 4
_DECODED_CHARS: Final = 4096
"""Length of the beginning of a base64 or hexadecimal string that is decoded to see whether it is a text."""

MAX_RESOURCE_CHARS: Final = 256
MAX_RESOURCE_WORDS: Final = 16
_AUTHORITIES: Final = (
    "AWS::", "arn:", "compliance.", "gen_ai.", "google.", "http://", "https://", "organizations/", "projects/",
    "publishers/", "text_generation_router", "type.googleapis.com/",
)  # fmt: skip
_CHARS_PER_WORD: Final = 12
"""In base64, at most one run of letters in so many characters reads like a word; in prose, twice as many do."""
_SEGMENT: Final = re.compile("[/:.?&=%#]")
_WORD: Final = re.compile(r"(?=[a-z]*[aeiouy])(?=[a-f]*[g-z])[a-z]{3,}|(?=[A-Z]*[AEIOUY])(?=[A-F]*[G-Z])[A-Z]{4,}")
"""A run of letters that reads like a word: it has a vowel, and a letter that is no hexadecimal digit."""
_PHRASE: Final = re.compile(r"(?<![A-Za-z])[A-Za-z']++[,;:]?\s++[A-Za-z']++[,;:]?\s++[A-Za-z']")
"""Three words in a row."""
_TITLES: Final = frozenset(("AWS API Call via CloudTrail", "AWS Service Event via CloudTrail"))
"""Phrases that every record of a kind has: EventBridge's titles."""
_RUN: Final = re.compile(r"[a-z]{21}|[A-Z]{21}")
"""A run of letters that is longer than any word."""
_CODE: Final = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2}){12,}")
_BLOB: Final = re.compile(r"(?:data:[\w/+.;=-]{0,100},)?(?P<code>[A-Za-z0-9+/_\r\n-]*={0,2})")
_DECIMAL: Final = re.compile(r"[-+]?[0-9]{1,32}(?:\.[0-9]{1,32})?(?:[eE][-+]?[0-9]{1,4})?")


def is_number(value: Any) -> bool:
    """None, or a number, also in a string."""
    kind = type(value)
    return value is None or kind is int or kind is float or (kind is str and _DECIMAL.fullmatch(value) is not None)


def is_flag(value: Any) -> bool:
    """None, an empty string, or a flag, also in a string or as 0 or 1."""
    return value in (None, True, False, 0, 1, "true", "false", "True", "False", "")


def is_word(value: Any) -> bool:
    """A scalar that can hold no sentence."""
    return not text_may_hold_prose(value) if type(value) is str else type(value) not in (dict, list)


def is_plain(value: Any) -> bool:
    """A value of any type that cannot hold a sentence, neither in a key or leaf nor word by word in many."""
    return not may_hold_prose(value)


def is_list(value: Any) -> bool:
    """None, or a list that cannot hold a sentence."""
    return value is None or (type(value) is list and is_plain(value))


def is_objects(value: Any) -> bool:
    """None, an object, or a list without strings: tool definitions, schemas, lists of tokens. They may hold prose."""
    if type(value) is list:
        return str not in set(map(type, value))
    return value is None or type(value) is dict


def is_schema(value: Any) -> bool:
    """``is_objects``, or a word, which may stand for such an object."""
    return is_objects(value) or is_word(value)


def is_json(value: Any) -> bool:
    """``is_schema``, also as JSON in a string."""
    if type(value) is not str or not text_may_hold_prose(value):
        return is_schema(value)
    try:
        decoded = decode_one(value)
    except RecordError:
        return False
    return type(decoded) in (dict, list) and is_objects(decoded)


def is_format(value: Any) -> bool:
    """The requested format of a response: an object with nothing else in it."""
    return type(value) is dict and value.keys() <= {"format", "verbosity"}


def is_numbers(value: Any) -> bool:
    """Numbers, in lists of any depth."""
    pending = [value]
    while pending:
        item = pending.pop()
        if type(item) is list:
            kinds = set(map(type, item))
            if list in kinds:
                pending += [inner for inner in item if type(inner) is list]
                kinds.discard(list)
            if not kinds <= _NUMBERS:
                return False
        elif type(item) is dict or not is_number(item):
            return False
    return True


_NUMBERS: Final = frozenset((int, float, type(None)))


def is_vector(value: Any) -> bool:
    """``is_numbers``, or numbers as bytes in base64; also lists and objects of these."""
    return is_numbers(value) or is_blob(value)


def is_blob(value: Any) -> bool:
    """Base64 that encodes no text, or a plain value; also objects and lists of these: media, signatures, ciphers."""
    pending = [value]
    while pending:
        item = pending.pop()
        if type(item) is str:
            if not _is_code(item) and text_may_hold_prose(item):
                return False
        elif type(item) is dict:
            if may_hold_prose(dict.fromkeys(item)):
                return False
            pending += item.values()
        elif type(item) is list:
            if sum(type(inner) is str and len(inner) <= MAX_WORD_CHARS for inner in item) > MAX_LISTED:
                return False
            pending += item
    return True


def _is_code(text: str) -> bool:
    code = _BLOB.fullmatch(text)
    if code is None:
        return False
    letters = code["code"].replace("\n", "").replace("\r", "")
    if len(letters) <= MAX_RESOURCE_CHARS and len(_WORD.findall(letters)) * _CHARS_PER_WORD > max(len(letters), 48):
        return False
    return not _encodes_text(letters)


def may_hold_prose(value: Any) -> bool:
    """Whether a value could hold a sentence: in a leaf, in a key, or word by word in many of them.

    The time is linear in the size of the value.
    """
    if type(value) is str:
        return text_may_hold_prose(value)
    pending = [value]
    while pending:
        item = pending.pop()
        if type(item) is str:
            if text_may_hold_prose(item):
                return True
        elif type(item) is dict:
            for key in item:
                if (len(key) > MAX_WORD_CHARS or " " in key) and text_may_hold_prose(key):
                    return True
            pending += item.values()
        elif type(item) is list and not set(map(type, item)) <= _NUMBERS:
            if sum(type(inner) is str for inner in item) > MAX_LISTED:
                return True
            pending += item
    return False


MAX_LISTED: Final = 8
"""The most strings in a list that cannot be a sentence word by word."""


def text_may_hold_prose(text: str) -> bool:
    """Whether a text could be a sentence in any spelling."""
    size = len(text)
    if " " in text and _PHRASE.search(text) is not None:
        return text not in _TITLES
    if size <= MAX_WORD_CHARS:
        return False
    if not text.isascii():
        return True
    if text.startswith(_AUTHORITIES):
        return not _is_resource(text)
    if size > MAX_ID_CHARS:
        return True
    return len(_WORD.findall(text)) > MAX_WORDS or _RUN.search(text) is not None or _encodes_text(text)


def _is_resource(text: str) -> bool:
    """Whether a text is the name of a resource whose segments have few words each."""
    segments = _SEGMENT.split(text)
    words = [len(_WORD.findall(segment)) for segment in segments]
    return (
        len(text) <= MAX_RESOURCE_CHARS
        and " " not in text
        and max(words) < MAX_WORDS
        and sum(words) <= MAX_RESOURCE_WORDS
        and not any(_RUN.search(segment) or _encodes_text(segment) for segment in segments)
    )


def _encodes_text(text: str) -> bool:
    """Whether the beginning of a text is another text in base64 or hexadecimal."""
    text = text[:_DECODED_CHARS]
    if _CODE.fullmatch(text) is None:
        return False
    decoded = []
    if _HEX.fullmatch(text):
        decoded.append(bytes.fromhex(text))
    code = text.rstrip("=").translate(_URL_SAFE)
    try:
        decoded.append(base64.b64decode(code[: len(code) // 4 * 4]))
    except binascii.Error:
        return False
    return any(_is_text(found) for found in decoded)


_URL_SAFE: Final = str.maketrans("-_", "+/")


def _is_text(decoded: bytes) -> bool:
    try:
        text = decoded[: len(decoded) - 3].decode()
    except UnicodeDecodeError:
        return False
    return text.isprintable() or not any(ord(character) < 32 and character not in "\t\n\r" for character in text)
