"""Texts that are hidden in others: base64, hexadecimal, rot13, leet, backward, spaced, look-alikes, unseen characters.

Theory of operation. Who wants a model to read what a filter should not, writes it in another way. ``unmask`` undoes
what happens to ordinary values on their way (escapes, base64); this module undoes what is done on purpose, for those
who look for words in the result, and says which way it was. Nobody redacts by it, so it keeps no map of places.

* **Signs.** Each form has a *sign*, an expression without which a text has nothing hidden in that form. They are among
  the expressions of the one scan, so that a text without a sign costs nothing.
* **Decoding.** At most ``MAX_CHARS`` of a text are decoded in each form, at most ``MAX_RUNS`` pieces of it; each step
  is linear. What is decoded is no proof of anything: many ordinary texts have a sign, and rules have to match there.
"""

from __future__ import annotations

import binascii
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, Literal, get_args

Form = Literal["base64", "hex", "rot13", "leet", "reversed", "spaced", "homoglyphs", "zero_width", "tags"]
"""How a text can be hidden in another."""
FORMS: Final[tuple[Form, ...]] = get_args(Form)

MAX_CHARS: Final = 16_384
MAX_RUNS: Final = 16
_MIN_DECODED: Final = 12
_MIN_READABLE: Final = 0.9

_ENGLISH: Final = (
    *("the", "and", "you", "your", "that", "this", "all", "ignore", "disregard", "forget", "previous", "instruction"),
    *("instructions", "system", "prompt", "reveal", "print", "show", "password", "secret", "rules", "pretend", "above"),
)
"""Words that a hidden text in English has."""
_ROT13: Final = str.maketrans(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "NOPQRSTUVWXYZABCDEFGHIJKLMnopqrstuvwxyzabcdefghijklm"
)
_LEET: Final = str.maketrans("0134578@$!|", "oieastbasil")
_LEET_L: Final = str.maketrans("0134578@$!|", "oleastbasil")
_UNSEEN: Final = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
_ALPHABETS: Final = "\u0370-\u03ff\u0400-\u052f\u0531-\u058f\u13a0-\u13f5"
_DECORATED: Final = "\u24b6-\u24e9\uff21-\uff3a\uff41-\uff5a\U0001d400-\U0001d7ff\U0001f130-\U0001f189"


def _whole(words: Iterable[str]) -> str:
    return rf"\b(?:{'|'.join(sorted(words))})\b"


SIGNS: Final[Mapping[Form, str]] = MappingProxyType(
    {
        "base64": r"[a-z0-9+/_-]{20}",
        "hex": r"[0-9a-f]{24}|(?:[0-9a-f]{2}[\s:,-]){10}",
        "rot13": _whole(word.translate(_ROT13) for word in _ENGLISH),
        "leet": r"[a-z][013457@$]{1,3}[a-z]",
        "reversed": _whole(word[::-1] for word in _ENGLISH if word not in ("the", "all", "this")),
        "spaced": r"(?:\b\w[ .*-]{1,2}){6}",
        "homoglyphs": rf"[a-z][{_ALPHABETS}]|[{_ALPHABETS}][a-z]|[{_DECORATED}]{{3}}",
        "zero_width": rf"\w[{_UNSEEN}]{{1,4}}\w",
        "tags": "[\U000e0020-\U000e007e]{6}",
    }
)
"""By form, the expression without which nothing is hidden in it; in any case."""

_BASE64_RUN: Final = re.compile(r"[A-Za-z0-9+/_-]{20,}")
_HEX_RUN: Final = re.compile(r"(?:0x|\\x)?[0-9A-Fa-f]{2}(?:(?:[\s:,-]|0x|\\x){0,3}[0-9A-Fa-f]{2}){11,}")
_NO_HEX: Final = re.compile(r"0x|\\x|[^0-9A-Fa-f]")
_LEET_WORD: Final = re.compile(
    r"(?<![\w@$])(?=[\w@$!|]*[A-Za-z])(?=[\w@$!|]*[013457@$])[A-Za-z0134578@$!|]{2,24}(?![\w@$])"
)
_MIN_LEET_WORDS: Final = 3
_SPACED_RUN: Final = re.compile(r"(?<!\w)\w(?:[ .*_-]{1,4}\w(?!\w)){5,}")
_WORD_GAP: Final = re.compile(r"[ .*_-]{2,}")
_BETWEEN: Final = re.compile(r"[ .*_-]")
_UNSEEN_RUN: Final = re.compile(f"[{_UNSEEN}]+")
_TAG_RUN: Final = re.compile("[\U000e0020-\U000e007e]+")

_LOOK_ALIKES: Final = str.maketrans(
    {
        **dict(zip("аеорсухіѕһԁјԛԝгтмкпвнзӏԍ", "aeopcyxishdjqwrtmknbhzlg", strict=True)),
        **dict(zip("АВЕКМНОРСТУХІЅЈԌԚԜҮ", "ABEKMHOPCTYXISJGQWY", strict=True)),
        **dict(zip("αβεικνορτυχγηωϲϳ", "abeikvoptuxynwcj", strict=True)),
        **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True)),
        **dict(zip("օսոհցԱՕ", "ounhgUO", strict=True)),
        **dict(zip("ᎪᏴᏟᎠᎬᎻᎫᏦᏞᎷΝᎾᏢᎡᏚᎢᏙᏔᎩᏃ", "ABCDEHJKLMNOPRSTVWYZ", strict=True)),
    }
)
"""Letters of other alphabets by those of ours that they look like."""


def _base64(text: str) -> Iterator[str]:
    for run in _some(_BASE64_RUN, text):
        data = run.encode("ascii").translate(bytes.maketrans(b"-_", b"+/"))
        usable = len(data) - (len(data) % 4 == 1)
        said = _readable(binascii.a2b_base64(data[:usable] + b"=" * (-usable % 4)))
        if said:
            yield said


def _hex(text: str) -> Iterator[str]:
    for run in _some(_HEX_RUN, text):
        digits = _NO_HEX.sub("", run)
        said = _readable(bytes.fromhex(digits[: len(digits) // 2 * 2]))
        if said:
            yield said


def _rot13(text: str) -> Iterator[str]:
    yield text.translate(_ROT13)


def _leet(text: str) -> Iterator[str]:
    if sum(1 for _ in _some(_LEET_WORD, text)) >= _MIN_LEET_WORDS:
        # A one is an i or an l.
        yield text.replace("11", "ll").translate(_LEET)
        yield text.translate(_LEET_L)


def _reversed(text: str) -> Iterator[str]:
    yield text[::-1]


def _spaced(text: str) -> Iterator[str]:
    for run in _some(_SPACED_RUN, text):
        yield " ".join(_BETWEEN.sub("", word) for word in _WORD_GAP.split(run))


def _homoglyphs(text: str) -> Iterator[str]:
    plain = unicodedata.normalize("NFKC", text).translate(_LOOK_ALIKES)
    if plain != text:
        yield plain


def _zero_width(text: str) -> Iterator[str]:
    plain = _UNSEEN_RUN.sub("", text)
    if plain != text:
        yield plain


def _tags(text: str) -> Iterator[str]:
    said = "\n".join("".join(chr(ord(tag) - 0xE0000) for tag in run) for run in _some(_TAG_RUN, text))
    if said:
        yield said


_DECODERS: Final[Mapping[Form, Callable[[str], Iterator[str]]]] = MappingProxyType(
    {
        "base64": _base64,
        "hex": _hex,
        "rot13": _rot13,
        "leet": _leet,
        "reversed": _reversed,
        "spaced": _spaced,
        "homoglyphs": _homoglyphs,
        "zero_width": _zero_width,
        "tags": _tags,
    }
)


def decoded(text: str, form: Form) -> list[str]:
    """What could be hidden in a text in one form: at most ``MAX_RUNS`` texts, all of them linear in ``MAX_CHARS``."""
    return list(_DECODERS[form](text[:MAX_CHARS]))


def _some(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    """The first ``MAX_RUNS`` matches."""
    for _, match in zip(range(MAX_RUNS), pattern.finditer(text), strict=False):
        yield match[0]


def _readable(data: bytes) -> str:
    """The text that some bytes are; empty if they are none."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return ""
    readable = sum(char.isprintable() or char.isspace() for char in text)
    return text if len(text) >= _MIN_DECODED and readable >= _MIN_READABLE * len(text) else ""
