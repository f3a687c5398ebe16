"""Text in what looks like an id: base64, base32, hexadecimal digits, character codes, whole or in pieces.

Theory of operation. An id is random, so what it decodes to is random too. Text decodes to letters. Twelve letters,
blanks and commas in a row come once in fifty million places of random bytes. Eight of them among twenty printable
characters are as rare, or among fourteen, if that is all. So where a value decodes to such a run, anywhere, it is text
and no id. (Fewer letters say less than the words that a name may have in clear.) A code may begin behind a prefix
(``resp_``), which shifts it, so it is decoded from each of its first characters; and it may be cut into pieces by
separators, so it is decoded piece by piece and with the separators taken out.

This is no proof that a value is an id. It backs up ``gate``, whose grammars count words in what is not encoded.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import re
import zlib
from collections.abc import Callable
from typing import Final

MIN_CHARS: Final = 8
_MIN_HEX_CHARS: Final = 16
_WHOLE_PIECE_CHARS: Final = 15
"""Up to so many characters a piece counts only if all of it is text: so few bytes are letters by chance."""

_NUMBER_CHARS: Final = 20
"""Decimal digits are letters in hexadecimal now and then: shorter ones are numbers."""
_FEW: Final = 4
"""Ids of as many different characters, as documentation writes them, say nothing."""

_LETTER: Final = rb"[A-Za-z ,.'\n-]|[\xc3-\xd9][\x80-\xbf]|[\xe3-\xe9][\x80-\xbf]{2}"
"""In UTF-8: of Latin, Greek, Cyrillic, Hebrew and Arabic two bytes, of the scripts of East Asia three."""
_BEYOND_ASCII: Final = re.compile(rb"(?:" + _LETTER + rb"){8,}")
_UTF_16: Final = re.compile(
    rb"(?:[ -~]\x00){6,}|(?:\x00[ -~]){6,}|(?:[\x20-\xff][\x03-\x06]){8,}|(?:[\x03-\x06][\x20-\xff]){8,}"
)
"""Every second byte is the one of the script."""


def _classes(members: bytes) -> bytes:
    """A table that makes one letter of some bytes and another of all others."""
    return bytes(ord("a") if byte in members else ord("-") for byte in range(256))


_LETTERS: Final = _classes(bytes(byte for byte in range(128) if chr(byte).isalpha() or chr(byte) in " ,.'\n-_"))
_CODE: Final = _classes(bytes(byte for byte in range(128) if chr(byte).isalnum() or chr(byte) in "+/="))
_PRINTABLE: Final = _classes(bytes((*range(32, 127), *b"\t\n")))
_SHORT_RUN, _RUN, _LONG_RUN = b"a" * 8, b"a" * 12, b"a" * 20
_MIN_PRINTABLE: Final = 14
_PRINTABLE_RUN: Final = re.compile(rb"a+")
_MIN_ENCODED_BYTES: Final = 15
"""So long is a run that has letters beyond ASCII, at least."""
_CONTINUING: Final = bytes(range(0x80, 0xC0))
_SCRIPTS: Final = bytes(range(7))
_ALL_TEXT: Final = re.compile(rb"(?:" + _LETTER + rb"){5,}")
_COMPRESSED: Final = (b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd")
"""How gzip and zstd begin."""
_ZLIB: Final = (b"\x78\x9c", b"\x78\xda")
"""How zlib begins, and one random id in ten thousand."""
_INFLATED_BYTES: Final = 64

_NOT_CODE: Final = re.compile(r"[^A-Za-z0-9]+")
_NOT_BASE64: Final = re.compile(r"[^A-Za-z0-9+/]+")
_URL_SAFE: Final = str.maketrans("-_", "+/")
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_HEX: Final = re.compile(rf"[0-9A-Fa-f]{{{_MIN_HEX_CHARS},}}")
_HEX_PIECE: Final = re.compile(rf"[0-9a-f]{{{MIN_CHARS},}}|[0-9A-F]{{{MIN_CHARS},}}")
_ALL_HEX: Final = re.compile(r"[0-9A-Fa-f]+")
_BASE32: Final = re.compile(r"[A-Z2-7]{16,}|[a-z2-7]{16,}")
_CODES: Final = re.compile(r"(?:[0-9]{2,3}[^0-9A-Za-z]+){7,}[0-9]{2,3}")
_PAIRS: Final = re.compile(r"(?:(?:0x|x|u00)?[0-9A-Fa-f]{2}(?:[^0-9A-Za-z]+|x)){7,}(?:0x|x|u00)?[0-9A-Fa-f]{2}")
_PAIR: Final = re.compile(r"[0-9A-Fa-f]{2}(?![0-9A-Za-wyz])")
_NUMBER: Final = re.compile(r"[0-9]{2,3}")
_JOINED_CODES: Final = re.compile(r"[0-9]{24,}")
_PLACES: Final = re.compile(r"(?:[0-9]{1,2}[^0-9A-Za-z]+){15,}[0-9]{1,2}")
_PLACE: Final = re.compile(r"[0-9]{1,2}")
_VOWELS, _CONSONANTS = "aeiouy", "bcdfghjklmnpqrstvwxz"
_PAIRS_OF_A_KIND: Final = """
    th st nd nt ng ch sh tr pr ll ss tt ea ou io ie ei ai oo ee sp ck rd rt rs ns nc cl pl br gr cr dr fr bl gl sc sk
    sm sn sw tw wh wr ph gh ht ld lt ls lk lf mp mb nk pt ct ft ts ds cs ps ms rm rn rk rg rl rr nn mm pp ff cc au ua
    ui ue oa oi ia sl hn hr ru
"""
_USUAL_PAIRS: Final = frozenset(
    [vowel + consonant for vowel in _VOWELS for consonant in _CONSONANTS]
    + [consonant + vowel for vowel in _VOWELS for consonant in _CONSONANTS]
    + _PAIRS_OF_A_KIND.split()
)
_USUAL_SHARE: Final = 0.78


def is_disguised_text(value: str) -> bool:
    """Whether a value, or a part of it, is text in a code. Linear in the value; for short values."""
    if len(value) < MIN_CHARS:
        return False
    pieces = _NOT_CODE.split(value)
    joined = "".join(pieces)
    if any(
        _decodes(run, bytes.fromhex, 2) for run in _HEX.findall(joined) if not run.isdigit() or len(run) > _NUMBER_CHARS
    ):
        return True
    # Twelve bytes of text have more than hexadecimal digits in base64: most ids end here.
    if not _ALL_HEX.fullmatch(joined):
        # Words are counted by the gate; no base64 of five bytes looks like one. Nor is it all hexadecimal digits.
        pieces = [piece for piece in pieces if not _WORD.fullmatch(piece) and not _HEX_PIECE.fullmatch(piece)]
        if _decodes("".join(pieces), binascii.a2b_base64, 4):
            return True
        if len(pieces) > 1 and any(map(_is_piece_of_text, pieces)):
            return True
        if sum(map(len, pieces)) > _WHOLE_PIECE_CHARS and _decodes(
            _NOT_BASE64.sub("", value.translate(_URL_SAFE)), binascii.a2b_base64, 4
        ):
            return True
    return (
        any(_decodes(run.upper(), base64.b32decode, 8) for run in _BASE32.findall(joined))
        or any(_has_text(bytes.fromhex("".join(_PAIR.findall(run)))) for run in _PAIRS.findall(value))
        or any(
            _has_text(_character_codes(_NUMBER.findall(run), base)) for run in _CODES.findall(value) for base in (10, 8)
        )
        or any(_is_joined_codes(run) for run in _JOINED_CODES.findall(joined))
        or any(_is_places(run) for run in _PLACES.findall(value))
    )


def is_like_text(letters: str) -> bool:
    """Whether lower-case ASCII letters are words written without blanks, rather than random letters.

    In text of the Latin alphabet nine in ten pairs of neighbours are a vowel beside a consonant, or one of
    ``_PAIRS_OF_A_KIND``; in random letters fewer than half are. Of strings of 26 random letters, 4 in 1,000 are taken
    for text (measured with 20,000).
    """
    usual = sum(pair in _USUAL_PAIRS for pair in map("".join, itertools.pairwise(letters)))
    return usual >= _USUAL_SHARE * (len(letters) - 1)


def _is_joined_codes(run: str) -> bool:
    """Whether digits are character codes of three digits each, starting at any of the first three digits."""
    return any(
        _has_text(_character_codes([run[place : place + 3] for place in range(start, len(run) - 2, 3)], 10))
        for start in range(3)
    )


def _is_places(run: str) -> bool:
    """Whether numbers are positions of letters in the alphabet, as 8-5-12-12-15 is for "hello"."""
    places = [int(number) for number in _PLACE.findall(run)]
    return all(0 < place <= 26 for place in places) and is_like_text("".join(chr(96 + place) for place in places))


def _decodes(run: str, decode: Callable[[str], bytes], unit: int) -> bool:
    """Whether a run, begun at any of its first characters, decodes to bytes with text in them."""
    if len(set(run)) <= _FEW:
        return False
    for start in range(unit):
        piece = run[start:]
        try:
            data = decode(piece[: len(piece) // unit * unit])
        except (binascii.Error, ValueError):
            continue
        if _has_text(data):
            return True
    return False


def _has_text(data: bytes) -> bool:
    """Whether text stands somewhere in bytes. The questions that most ids answer with no are asked by tables."""
    letters = data.translate(_LETTERS)
    if _RUN in letters or _LONG_RUN in data.translate(_CODE) or data.startswith(_COMPRESSED):
        return True
    if _SHORT_RUN in letters and _is_printable(data):
        return True
    if data.startswith(_ZLIB) and _inflates(data):
        return True
    size = len(data)
    return (size - len(data.translate(None, _CONTINUING)) >= 4 and _is_beyond_ascii(data)) or (
        size - len(data.translate(None, _SCRIPTS)) >= 6 and _UTF_16.search(data) is not None
    )


def _is_printable(data: bytes) -> bool:
    """Whether letters stand in a row of printable characters that is too long for chance."""
    least = max(_MIN_PRINTABLE, min(len(data), len(_LONG_RUN)))
    runs = _PRINTABLE_RUN.finditer(data.translate(_PRINTABLE))
    return any(
        run.end() - run.start() >= least and _SHORT_RUN in data[run.start() : run.end()].translate(_LETTERS)
        for run in runs
    )


def _is_beyond_ascii(data: bytes) -> bool:
    return any(len(run[0]) >= _MIN_ENCODED_BYTES for run in _BEYOND_ASCII.finditer(data))


def _inflates(data: bytes) -> bool:
    """Whether bytes are compressed text: what random bytes seem to hold is none."""
    try:
        return _RUN in zlib.decompressobj().decompress(data, _INFLATED_BYTES).translate(_LETTERS)
    except zlib.error:
        return False


def _is_piece_of_text(piece: str) -> bool:
    """Whether one piece between separators is text in base64."""
    if len(piece) < MIN_CHARS:
        return False
    if len(piece) > _WHOLE_PIECE_CHARS:
        return _decodes(piece, binascii.a2b_base64, 4)
    try:
        return _ALL_TEXT.fullmatch(binascii.a2b_base64(piece + "=" * (-len(piece) % 4))) is not None
    except binascii.Error:
        return False


def _character_codes(numbers: list[str], base: int) -> bytes:
    digits = "01234567" if base == 8 else "0123456789"
    return bytes(code for number in numbers if set(number) <= set(digits) and 0 < (code := int(number, base)) < 256)
