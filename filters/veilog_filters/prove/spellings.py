"""Sentences that no other text has, ways to write them so that they do not look like sentences, and how to read them.

A sentence is a list of words. Every run of three of its words is looked for, in every reading of an output that a
person with a decoder could come to: entities, percent signs and escapes resolved, base64, base32, hexadecimal and gzip
opened, look-alikes and marks folded, backwards, rotated, and all that is no letter taken out. So a sentence counts as
gone out however it was written, and however it was joined.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import gzip
import html
import quopri
import random
import re
import string
import unicodedata
import urllib.parse
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

RUN_WORDS: Final = 3
"""So many words of a sentence in a row may not leave."""
MIN_WORDS: Final = 8


class Sentence(NamedTuple):
    """A sentence to plant.

    Attributes:
        words: its words; for writing without blanks between words, its characters.
        unique: whether each word is one that no other sentence has.
        vocabulary: where the words are from.
    """

    words: list[str]
    unique: list[bool]
    vocabulary: str

    def runs(self) -> list[str]:
        """What must not be found in an output: words in a row, folded, at least one of them unique."""
        folded = [fold(word) for word in self.words]
        return [
            "".join(folded[start : start + RUN_WORDS])
            for start in range(len(folded) - RUN_WORDS + 1)
            if any(self.unique[start : start + RUN_WORDS])
        ]


_RARE: Final = (
    *("amber", "basin", "cedar", "drift", "ember", "fjord", "grove", "harbor", "inlet", "juniper", "kestrel", "lagoon"),
    *("meadow", "nectar", "orchid", "pebble", "quarry", "ripple", "saffron", "thicket", "umber", "valley", "willow"),
)
_FUNCTION: Final = (
    *("the", "of", "and", "to", "in", "is", "that", "for", "it", "with", "as", "was", "on", "be", "by", "at", "this"),
    *("from", "have", "or", "an", "are", "not", "but", "which", "you", "they", "we"),
)
_GERMAN: Final = ("über", "prüf", "größ", "straß", "müh", "schön", "wärm", "kündig", "zahl", "verträg", "läng", "öffn")
_FRENCH: Final = (
    "élève",
    "créanc",
    "façad",
    "hôpit",
    "médec",
    "théâtr",
    "naïv",
    "cœur",
    "garçon",
    "fenêtr",
    "où",
    "dû",
)
_CYRILLIC: Final = ("догов", "больн", "платёж", "семь", "ключ", "вопрос", "ответ", "зелён", "журнал", "лечен", "объём")
_GREEK: Final = ("λογαρ", "θάλασσ", "γιατρ", "πελάτ", "ήλι", "κλειδ", "χρόν", "δρόμ")
_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"


def _letters(chance: random.Random, count: int) -> str:
    return "".join(chance.choice(string.ascii_lowercase) for _ in range(count))


def _syllables(chance: random.Random, count: int) -> str:
    return "".join(chance.choice(_CONSONANTS) + chance.choice(_VOWELS) for _ in range(count))


def _rare(chance: random.Random) -> str:
    return chance.choice(_RARE) + _letters(chance, 3)


def _capitalised(chance: random.Random) -> str:
    return _rare(chance).capitalize()


def _short(chance: random.Random) -> str:
    return _syllables(chance, 1) + chance.choice(_CONSONANTS)


def _german(chance: random.Random) -> str:
    return chance.choice(_GERMAN) + _syllables(chance, 2) + chance.choice(("", "en", "ung", "ß"))


def _french(chance: random.Random) -> str:
    return chance.choice(_FRENCH) + _syllables(chance, 2) + chance.choice(("", "é", "eux"))


def _cyrillic(chance: random.Random) -> str:
    return chance.choice(_CYRILLIC) + "".join(chance.choice("абвгдежзиклмнопрстуф") for _ in range(3))


def _greek(chance: random.Random) -> str:
    return chance.choice(_GREEK) + "".join(chance.choice("αβγδεικλμνοπρτ") for _ in range(3))


def _han(chance: random.Random) -> str:
    return chr(chance.randrange(0x4E00, 0x9000))


_WORDS: Final[dict[str, Callable[[random.Random], str]]] = {
    "rare": _rare,
    "function": _rare,
    "capitalised": _capitalised,
    "short": _short,
    "german": _german,
    "french": _french,
    "cyrillic": _cyrillic,
    "greek": _greek,
    "han": _han,
}
VOCABULARIES: Final = tuple(_WORDS)


def sentence(chance: random.Random, vocabulary: str, least: int = MIN_WORDS, most: int = 16) -> Sentence:
    """A sentence of ``least`` to ``most`` words, with at least one in three that no other sentence has."""
    count = chance.randint(least, most)
    make = _WORDS[vocabulary]
    if vocabulary == "han":
        count *= 2
    words = [make(chance) for _ in range(count)]
    unique = [True] * count
    if vocabulary == "function":
        for index in range(count):
            if index % 3 != 1:
                words[index], unique[index] = chance.choice(_FUNCTION), False
    return Sentence(words, unique, vocabulary)


# How to write a sentence.


def _shifted(first_small: int, first_capital: int) -> Callable[[str], str]:
    small = {ord("a") + index: first_small + index for index in range(26)}
    table = small | {ord("A") + index: first_capital + index for index in range(26)}
    return lambda text: text.translate(table)


_MATH_BOLD = _shifted(0x1D41A, 0x1D400)
_MATH_MONOSPACE = _shifted(0x1D68A, 0x1D670)
_FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}
_TAGS = {code: code + 0xE0000 for code in range(0x20, 0x7F)}
_ROTATED = {ord(a): b for a, b in zip(string.ascii_letters, codecs.encode(string.ascii_letters, "rot13"), strict=True)}
_LEET = str.maketrans("aeiost", "431057")
_LOOKALIKES = str.maketrans("aceopxyis", "асеорхуіѕ")


def _blanks(words: list[str]) -> str:
    return " ".join(words)


def _camel(words: list[str]) -> str:
    return "".join(word[:1].upper() + word[1:].lower() for word in words)


def _of_text(change: Callable[[str], str]) -> Callable[[list[str]], str]:
    return lambda words: change(_blanks(words))


def _of_bytes(change: Callable[[bytes], bytes]) -> Callable[[list[str]], str]:
    return lambda words: change(_blanks(words).encode()).decode()


def _quoted_twice(text: str) -> str:
    return urllib.parse.quote(urllib.parse.quote(text))


def _every_percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def _utf16_escapes(text: str) -> str:
    units = text.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _split_lines(words: list[str]) -> str:
    return "".join(word + ("\n\t" if index % 3 == 2 else " ") for index, word in enumerate(words)).strip()


def _bidi(words: list[str]) -> str:
    return "\u202e" + _blanks(words)[::-1] + "\u202c"


def _in_parts(pieces: Iterable[str]) -> str:
    """Pieces joined by nothing, in parts of up to 32 characters, as long ids have."""
    parts = [""]
    for piece in pieces:
        if parts[-1] and len(parts[-1]) + len(piece) > 32:
            parts.append("")
        parts[-1] += piece
    return "-".join(parts)


SPELLINGS: Final[dict[str, Callable[[list[str]], str]]] = {
    "blanks": _blanks,
    "title case": lambda words: " ".join(word.capitalize() for word in words),
    "upper case": lambda words: " ".join(words).upper(),
    "punctuated": lambda words: ", ".join(words) + "!",
    "tabs and newlines": _split_lines,
    "underscores": "_".join,
    "hyphens": "-".join,
    "dots": ".".join,
    "slashes": "/".join,
    "plus signs": "+".join,
    "colons": ":".join,
    "commas": ",".join,
    "mixed separators": lambda words: "".join(word + "-_./:"[index % 5] for index, word in enumerate(words)),
    "digits between": lambda words: "".join(f"{word}{index % 10}" for index, word in enumerate(words)),
    "camel case": _camel,
    "joined": "".join,
    "upper snake": lambda words: "_".join(words).upper(),
    "letters apart": lambda words: "  ".join(" ".join(word) for word in words),
    "letters with dots": lambda words: ".".join("".join(words)),
    "no-break spaces": "\u00a0".join,
    "narrow no-break spaces": "\u202f".join,
    "ideographic spaces": "\u3000".join,
    "em and thin spaces": "\u2003\u2009".join,
    "line separators": "\u2028".join,
    "zero-width spaces": "\u200b".join,
    "zero-width joiners": "\u200d".join,
    "word joiners": "\u2060".join,
    "soft hyphens": "\u00ad".join,
    "byte order marks": "\ufeff".join,
    "braille blanks": "\u2800".join,
    "hangul fillers": "\u3164".join,
    "variation selectors": "\ufe0f".join,
    "zero-width inside words": lambda words: " ".join("\u200c".join(word) for word in words),
    "tag characters": _of_text(lambda text: "\U0001f3f4" + text.translate(_TAGS)),
    "full-width": _of_text(lambda text: text.translate(_FULL_WIDTH)),
    "mathematical bold": _of_text(_MATH_BOLD),
    "mathematical monospace, joined": lambda words: _MATH_MONOSPACE("_".join(words)),
    "combining marks": _of_text(lambda text: "".join(c + ("\u0336" if c.isalpha() else "") for c in text)),
    "look-alikes": _of_text(lambda text: text.translate(_LOOKALIKES)),
    "decomposed": _of_text(lambda text: unicodedata.normalize("NFD", text)),
    "right-to-left override": _bidi,
    "percent-encoded": _of_text(urllib.parse.quote),
    "percent-encoded, every byte": _of_text(_every_percent),
    "percent-encoded twice": _of_text(_quoted_twice),
    "form-encoded": _of_text(lambda text: "q=" + urllib.parse.quote_plus(text)),
    "HTML entities": _of_text(lambda text: "".join(f"&#{ord(c)};" for c in text)),
    "hexadecimal entities": _of_text(lambda text: "".join(f"&#x{ord(c):x};" for c in text)),
    "no-break entities": "&nbsp;".join,
    "\\u escapes": _of_text(_utf16_escapes),
    "\\x escapes": _of_text(lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode())),
    "quoted-printable": _of_text(lambda text: "".join(f"={byte:02X}" for byte in text.encode())),
    "base64": _of_bytes(base64.b64encode),
    "base64, unpadded": lambda words: base64.b64encode(_blanks(words).encode()).decode().rstrip("="),
    "base64, url-safe": _of_bytes(base64.urlsafe_b64encode),
    "base64 twice": _of_bytes(lambda data: base64.b64encode(base64.b64encode(data))),
    "base64 of UTF-16": lambda words: base64.b64encode(_blanks(words).encode("utf-16-le")).decode(),
    "base64 of gzip": _of_bytes(lambda data: base64.b64encode(gzip.compress(data, mtime=0))),
    "base64 in a data URL": lambda words: (
        "data:text/plain;base64," + base64.b64encode(_blanks(words).encode()).decode()
    ),
    "base64, underscores": lambda words: base64.b64encode("_".join(words).encode()).decode(),
    "base64, with a prefix": lambda words: "resp_" + base64.urlsafe_b64encode(_blanks(words).encode()).decode(),
    "hexadecimal": _of_bytes(binascii.hexlify),
    "hexadecimal, capitals": lambda words: _blanks(words).encode().hex().upper(),
    "hexadecimal, with a prefix": lambda words: "req_" + _blanks(words).encode().hex(),
    "base32": _of_bytes(base64.b32encode),
    "base32, small": lambda words: base64.b32encode(_blanks(words).encode()).decode().lower().rstrip("="),
    "rot13": _of_text(lambda text: text.translate(_ROTATED)),
    "reversed": _of_text(lambda text: text[::-1]),
    "leet": lambda words: "-".join(words).translate(_LEET),
    "changing case, digits between": lambda words: _in_parts(
        f"{word.upper() if index % 2 else word.lower()}9" for index, word in enumerate(words)
    ),
    "in the zone of an address": lambda words: "fe80::1%" + " ".join(words),
    "in the zone of an address, joined": lambda words: "fe80::1%" + "_".join(words),
    "ANSI colours": lambda words: " ".join(f"\x1b[3{index % 8}m{word}\x1b[0m" for index, word in enumerate(words)),
    "control characters": "\x01".join,
    "JSON in it": _of_text(lambda text: '{"text": "' + text + '"}'),
    "quoted": _of_text(lambda text: '"' + text + '"'),
    "like a product": lambda words: "/1.0 ".join(words) + "/1.0",
    "like a comment": lambda words: "Mozilla/5.0 (" + "; ".join(words) + ")",
    "like a path": lambda words: "/v1/" + "/".join(words),
    "like a URL": lambda words: "https://" + "-".join(words[:4]) + ".example.com/" + "/".join(words[4:]),
    "like an address": lambda words: ".".join(words) + "@example.com",
    "like an ARN": lambda words: "arn:aws:bedrock:us-east-1:123456789012:agent/" + "-".join(words),
    "like a model": lambda words: words[0] + "/" + "-".join(words[1:]) + "-7b-v1:0",
    "like a type": lambda words: "com." + ".".join(words[:-1]) + "." + words[-1].capitalize() + "Exception",
    "like a tool": lambda words: "mcp__" + "__".join(words),
}

SCRAMBLED: Final = ("rot13", "reversed", "leet", "right-to-left override")
"""Spellings that only a second look at an output finds: see ``Finder``."""


# How to read an output.

_LETTER_FILLERS: Final = dict.fromkeys((0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0))
_FROM_TAGS: Final = {code + 0xE0000: code for code in range(0x20, 0x7F)}
_FROM_LOOKALIKES: Final = str.maketrans("асеорхуіѕ", "aceopxyis")
_FROM_LEET: Final = str.maketrans("431057", "aeiost")
_NO_LETTER: Final = re.compile(r"[\W\d_]+")
_ANSI: Final = re.compile(r"(?:\x1b|\\u001b|\\x1b)\[[0-9;]*m", re.IGNORECASE)
_ESCAPES: Final = re.compile(r"\\+u([0-9a-fA-F]{4})|\\+x([0-9a-fA-F]{2})")
_ESCAPED_BYTES: Final = re.compile(r"(?:(?:\\+x|=)[0-9a-fA-F]{2}){2,}")
_SIMPLE_ESCAPES: Final = re.compile(r"\\+[nrtbf]")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_HEX: Final = re.compile(r"[0-9a-fA-F]{16,}")
_BASE32: Final = re.compile(r"[A-Z2-7]{16,}|[a-z2-7]{16,}")


def fold(text: str) -> str:
    """A text's letters alone: no case, no marks, no look-alikes, nothing between them."""
    if not text.isascii():
        text = text.translate(_FROM_TAGS).translate(_LETTER_FILLERS)
        text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text))
        text = unicodedata.normalize("NFKD", text.casefold()).translate(_FROM_LOOKALIKES)
    return _NO_LETTER.sub("", text.casefold())


def _escape(match: re.Match[str]) -> str:
    return chr(int(match[1] or match[2], 16))


def _escaped_bytes(match: re.Match[str]) -> str:
    data = bytes.fromhex(re.sub(r"\\+x|=", "", match[0]))
    return data.decode("utf-8", "replace")


def _resolved(text: str) -> str:
    """The text with entities, percent signs and escapes resolved, as often as there are any."""
    for _ in range(4):
        before = text
        if "&" in text:
            text = html.unescape(text)
        if "%" in text:
            text = urllib.parse.unquote(text)
        if "\\" in text or "=" in text:
            text = _ESCAPED_BYTES.sub(_escaped_bytes, text)
            text = _SIMPLE_ESCAPES.sub(" ", _ESCAPES.sub(_escape, text))
            if "=\n" in text:
                text = quopri.decodestring(text.encode("utf-8", "replace")).decode("utf-8", "replace")
        if text == before:
            break
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _ANSI.sub("", text) if "[" in text else text


def _opened(text: str) -> Iterator[str]:
    """What the runs of base64, hexadecimal and base32 in a text say."""
    for pattern, decoders in ((_BASE64, _base64_ways), (_HEX, _hex_ways), (_BASE32, _base32_ways)):
        for match in pattern.finditer(text):
            for data in decoders(match[0]):
                yield from _texts(data)


def _base64_ways(run: str) -> Iterator[bytes]:
    run = run.rstrip("=").translate(str.maketrans("-_", "+/"))
    # What stands before may belong to it by its letters alone: a prefix, a path.
    starts = {0} | {index + 1 for index, char in enumerate(run[:40]) if char == "/"}
    for start in sorted(starts):
        piece = run[start:]
        piece = piece[: len(piece) - (len(piece) % 4 == 1)]
        yield base64.b64decode(piece + "=" * (-len(piece) % 4))


def _hex_ways(run: str) -> Iterator[bytes]:
    yield bytes.fromhex(run[: len(run) // 2 * 2])
    if len(run) % 2:
        yield bytes.fromhex(run[1:])


def _base32_ways(run: str) -> Iterator[bytes]:
    run = run.upper()
    run = run[: len(run) - {1: 1, 3: 1, 6: 1}.get(len(run) % 8, 0)]
    yield base64.b32decode(run + "=" * (-len(run) % 8))


def _texts(data: bytes) -> Iterator[str]:
    """Texts that bytes may be; none if they look like no text."""
    if data[:2] == b"\x1f\x8b":
        try:
            data = zlib.decompressobj(31).decompress(data, 1_000_000)
        except zlib.error:
            return
    if b" \x00" in data or data.count(0) * 3 > len(data):
        yield data.decode("utf-16-le", "replace")
    text = data.decode("utf-8", "replace")
    if text.count("\ufffd") * 4 < len(text):
        yield text


def readings(text: str) -> list[str]:
    """The text, and what it says where something in it is encoded, resolved but not folded."""
    found = [_resolved(text)]
    for depth_start in (0, 1):
        for piece in found[depth_start:] if depth_start else found[:1]:
            found += [_resolved(inner) for inner in _opened(piece)]
    return found


_FEW_NEEDLES: Final = 1_000
"""So few are looked for one by one; of more, none costs anything."""


class Finder:
    """Looks for runs of planted sentences.

    Args:
        needles: runs of folded words, each with the number that it is reported by.
    """

    def __init__(self, needles: Iterable[tuple[str, int]]) -> None:
        self._needles = list(needles)
        self._by_length: dict[int, dict[str, list[tuple[str, int]]]] = {}
        if len(self._needles) < _FEW_NEEDLES:
            return
        for needle, number in self._needles:
            length = min(8, len(needle))
            self._by_length.setdefault(length, {}).setdefault(needle[:length], []).append((needle, number))

    def __call__(self, text: str, scrambled: bool = True) -> set[int]:
        """Numbers of the runs that some reading of the text has.

        Args:
            text: an output.
            scrambled: whether to read it backwards, rotated and with digits for letters too.
        """
        found: set[int] = set()
        for reading in readings(text):
            views = [fold(reading)]
            if scrambled:
                views += [views[0][::-1], fold(reading.translate(_ROTATED)), fold(reading.translate(_FROM_LEET))]
            for view in views:
                found |= self._in(view)
        return found

    def _in(self, view: str) -> set[int]:
        if len(self._needles) < _FEW_NEEDLES:
            return {number for needle, number in self._needles if needle in view}
        found: set[int] = set()
        for length, table in self._by_length.items():
            for start in range(len(view) - length + 1):
                for needle, number in table.get(view[start : start + length], ()):
                    if view.startswith(needle, start):
                        found.add(number)
        return found
