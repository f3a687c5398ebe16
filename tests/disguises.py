"""Values that must not leave, and the ways of writing them that a reader undoes and a pattern does not see."""

from __future__ import annotations

import base64
import html
import re
import unicodedata
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

Spelling = Callable[[str], str]

PLANTED: Final = {
    "EMAIL_ADDRESS": "anna.berg@nordwind-ag.com",
    "CREDIT_CARD": "4111 1111 1111 1111",
    "US_SSN": "536-90-4399",
    "PHONE_NUMBER": "(212) 555-0182",
    "IBAN_CODE": "DE89370400440532013000",
    "IP_ADDRESS": "203.0.113.99",
    "CRYPTO": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "MAC_ADDRESS": "00:1A:2B:3C:4D:5E",
    "URL": "https://www.nordwind-ag.com/kunden/berg",
    "AWS_ACCESS_KEY": "AKIA" + "IOSFODNN7EXAMPLE",
    "OPENAI_API_KEY": "sk-" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0xR",
    "GITHUB_TOKEN": "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0xRabcd",
    "CONNECTION_STRING": "postgres://app:" + "s3cretw0rd@db.internal:5432",
    "GENERIC_SECRET": "password is Sommer2026!",
}


def _each(make: Callable[[str], str]) -> Spelling:
    return lambda text: "".join(map(make, text))


def _full_width(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def _bold(text: str) -> str:
    def bold(c: str) -> str:
        if "0" <= c <= "9":
            return chr(0x1D7CE + ord(c) - ord("0"))
        if "a" <= c <= "z":
            return chr(0x1D41A + ord(c) - ord("a"))
        return chr(0x1D400 + ord(c) - ord("A")) if "A" <= c <= "Z" else c

    return "".join(map(bold, text))


def _between(filler: str) -> Spelling:
    return filler.join


def _percent(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _in_lines(text: str) -> str:
    return base64.encodebytes(("-" * 60 + text + "-" * 60).encode()).decode().strip()


def _in_columns(columns: int) -> Spelling:
    def wrapped(text: str) -> str:
        encoded = _base64(f"here it is: {text} and that is all of it")
        return "\n".join(re.findall(f".{{1,{columns}}}", encoded))

    return wrapped


def _dashed(dash: str) -> Spelling:
    return lambda text: text.replace("-", dash)


def _hex_escape(text: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


def _unicode_escape(text: str) -> str:
    units = text.encode("utf-16-be").hex()
    return "".join("\\u" + units[at : at + 4] for at in range(0, len(units), 4))


SPELLINGS: Final[dict[str, Spelling]] = {
    "plain": str,
    "full width": _full_width,
    "mathematical bold": _bold,
    "no-break space": lambda text: text.replace(" ", "\u00a0"),
    "zero-width space": _between("\u200b"),
    "zero-width joiner": _between("\u200d"),
    "word joiner": _between("\u2060"),
    "soft hyphen": _between("\u00ad"),
    "byte order mark": _between("\ufeff"),
    "variation selector": _between("\ufe0f"),
    "variation selector supplement": _between("\U000e0101"),
    "hangul filler": _between("\u3164"),
    "right-to-left mark": _between("\u200f"),
    "combining mark": _between("\u0336"),
    "a tag in the middle": lambda text: text[:4] + "\U000e0061" + text[4:],
    "tags": _each(lambda c: chr(0xE0000 + ord(c))),
    "decimal references": _each(lambda c: f"&#{ord(c)};"),
    "hexadecimal references": _each(lambda c: f"&#x{ord(c):X};"),
    "references without semicolon": _each(lambda c: f"&#{ord(c)}"),
    "named reference": lambda text: html.escape(text).replace("@", "&commat;").replace(".", "&period;"),
    "percent": _percent,
    "percent, form": urllib.parse.quote_plus,
    "percent, twice": lambda text: _percent(_percent(text)),
    "percent, as JavaScript escapes": _each(lambda c: f"%u{ord(c):04x}"),
    "u escapes": _unicode_escape,
    "u escapes in braces": _each(lambda c: f"\\u{{{ord(c):x}}}"),
    "long u escapes": _each(lambda c: f"\\U{ord(c):08x}"),
    "x escapes": _hex_escape,
    "u escapes, escaped": lambda text: _unicode_escape(text).replace("\\", "\\\\"),
    "base64": _base64,
    "base64, unpadded": lambda text: _base64(text).rstrip("="),
    "base64, url-safe": lambda text: base64.urlsafe_b64encode(f">>>??? {text}".encode()).decode(),
    "base64, twice": lambda text: _base64(_base64(text)),
    "base64, in lines": _in_lines,
    "base64, in a path": lambda text: f"/v1/files/{_base64(text)}",
    "base64 of UTF-16": lambda text: base64.b64encode(text.encode("utf-16-le")).decode(),
    "full width in percent": lambda text: urllib.parse.quote(_full_width(text)),
    "full width in u escapes": lambda text: _unicode_escape(_full_width(text)),
    "bold in u escapes": lambda text: _unicode_escape(_bold(text)),
    "zero-width space in base64": lambda text: _base64("\u200b".join(text)),
    "percent in base64": lambda text: _base64(_percent(text)),
    "base64 in percent": lambda text: _percent(_base64(text)),
    "base64 in full width": lambda text: _full_width(_base64(text)),
    **{f"dash U+{ord(dash):04X}": _dashed(dash) for dash in "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"},
    "dash as a reference": _dashed("&hyphen;"),
    "NUL": _between("\0"),
    "backspace": _between("\b"),
    "DEL": _between("\x7f"),
    "NUL as u escapes": _between("\\u0000"),
    "C1 control": _between("\x9b"),
    "tab for a blank": lambda text: text.replace(" ", "\t"),
    "line end for a blank": lambda text: text.replace(" ", "\n"),
    "two blanks": lambda text: text.replace(" ", "  "),
    "blanks around a line end": lambda text: text.replace(" ", " \r\n  "),
    "base64, in lines of 16": _in_columns(16),
    "base64, in lines of 76": _in_columns(76),
    "base64, in lines of 18": _in_columns(18),
    "base64, in lines of 22, indented": lambda text: _in_columns(22)(text).replace("\n", "\n  "),
    "base64 between dashes": lambda text: base64.encodebytes(f"----{text}----".encode()).decode().strip(),
    "references in percent": lambda text: urllib.parse.quote("".join(f"&#{ord(c)};" for c in text)),
}

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_ANYTHING = re.compile(
    r"\\u\{([0-9a-fA-F]+)\}|\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})|\\x([0-9a-fA-F]{2})|%u([0-9a-fA-F]{4})"
)
_UNSEEN = re.compile("[\u034f\u115f\u1160\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef\u0300-\u036f]")


def _of_base64(match: re.Match[str]) -> str:
    said = [match[0]]
    whole = match[0].rstrip("=").replace("-", "+").replace("_", "/")
    for run in (whole, *whole.split("/")):
        for skipped in range(4):
            part = run[skipped:]
            part = part[: len(part) - (len(part) % 4 == 1)]
            said.append(base64.b64decode(part + "=" * (-len(part) % 4)).replace(b"\0", b"").decode("utf-8", "ignore"))
    return " ".join(said)


def readings(text: str, depth: int = 3) -> Iterator[str]:
    """What a determined reader makes of a text: written independently of what is tested."""
    yield text
    if not depth:
        return
    forms = {
        html.unescape(text),
        urllib.parse.unquote_plus(text),
        _ANYTHING.sub(lambda m: chr(int(next(filter(None, m.groups())), 16)), re.sub(r"\\+", r"\\", text))
        .encode("utf-16", "surrogatepass")
        .decode("utf-16", "replace"),
        _UNSEEN.sub(
            "", "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) not in ("Cf", "Cc"))
        ),
        re.sub(r"\\+[nrt]", "\n", re.sub(r"\\+b", "", text)),
        re.sub("[\u2010-\u2015\u2212]", "-", text),
        "".join(chr(ord(c) - 0xE0000) if 0xE0020 <= ord(c) <= 0xE007E else c for c in text),
        _BASE64.sub(_of_base64, re.sub(r"(?<=\S)\r?\n[ \t]*(?=\S)", "", text)),
    }
    for form in forms - {text}:
        yield from readings(form, depth - 1)


def secret_of(entity: str) -> str:
    """What of a planted value must not be there afterwards, without blanks."""
    return squeezed(PLANTED[entity].removeprefix("password is "))


def squeezed(text: str) -> str:
    """A text without blanks and in small letters."""
    return re.sub(r"\s+", "", text).casefold()


def survives(entity: str, text: str) -> bool:
    """Whether somebody can read a planted value out of a text."""
    return any(secret_of(entity) in squeezed(reading) for reading in readings(text))


class Place(NamedTuple):
    """Somewhere to plant a value."""

    name: str
    make: Callable[[str], str]
