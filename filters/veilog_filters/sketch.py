"""Sketches of prompts: a prompt that was sent before, slightly varied, shares a key with the first one.

A hash joins equal texts. Whoever tries an injection changes a word each time, and every hash is another one. So events
carry a *sketch* too: ``BANDS`` short keys, of which two prompts that differ in a few words have at least one in common,
and two that have nothing to do with each other have none. A SIEM finds what is alike by equality of keys alone.

Theory of operation. A prompt is taken as a set: its different words in NFKC without case, digits as ``0``, without
words of grammar and politeness (if few are left, with them). Scripts that write no blanks between words give each three
neighbouring characters. MinHash (Broder, 1997): under a random order of all words, two sets have the same least word
with a probability that is their Jaccard similarity J, the share of words that they have in common. The orders are
``BANDS`` x ``ROWS`` functions ``a * x`` modulo 2^32, with an odd ``a``, over checksums of the words. ``ROWS`` least
words make a band (Indyk and Motwani, 1998), and the band's key is a keyed BLAKE2s of its number and these. So two
prompts share one of 24 keys with probability ``1 - (1 - J^3)^24``: .95 at J = .5, .02 at J = .1. Three words changed
are much of a short prompt and little of a long one, whose J is .83 then: one of ``LONG_WORDS`` and more has the first
``LONG_BANDS`` alone, which find J = .83 with .999 and J = .7 with .97. It costs a third, in time and in bytes.

What keeps the key secret is the last step. A band key is a pseudorandom function of three checksums, under a subkey of
its own domain and tenant, like every hash of ``fingerprint``: without the key nobody can compute the key of a guess.
The orders are drawn from the same subkey, so that nobody can craft words that are the least of many. The checksums
need no key: who finds two words with the same one has found two words that count as one.

A key has 24 bits. By chance two unrelated prompts share one in 700,000 pairs: that is little beside those that share
some words (``scripts/sketch_rates.py`` counts both, on any folder of prompts). More bits would buy only bytes.
"""

from __future__ import annotations

import functools
import hashlib
import re
from array import array
from collections.abc import Callable, Collection
from typing import Final, NamedTuple, Protocol
from zlib import crc32

import numpy as np
import numpy.typing as npt

from veilog_filters.normal import nfkc
from veilog_parsers.event import Digest

BANDS: Final = 24
ROWS: Final = 3
MIN_WORDS: Final = 8
"""A shorter prompt has no sketch: of four words, what is left of grammar is in half of all prompts."""
MAX_CHARS: Final = 16_384
"""What is read of a prompt, from its beginning: this bounds what a sketch costs."""
LONG_WORDS: Final = 32
"""From so many words beside those of grammar, or runs of characters, on ``LONG_BANDS`` are enough."""
LONG_BANDS: Final = 8
KEY_CHARS: Final = 6
"""Hexadecimal digits of a band key."""

_MIN_CONTENT: Final = 4
_UNSPACED_PER_WORD: Final = 2
_CHARS_TOGETHER: Final = 3
"""Of scripts without blanks. By twos, three times as many unrelated prompts in Chinese and Japanese share a key."""
_LITTLE: Final = np.dtype("<u4")
_BAND_BYTES: Final = 4 * ROWS
_LONG_ROWS: Final = LONG_BANDS * ROWS
_TENANTS: Final = 64

_WORDS_OF_GRAMMAR: Final = """
    a about after again all also am an and any anyone are as at be because been before being both but by can could did
    do does doing done down each every few for from further had has have having he her here hers him his how i if in
    into is it its just let like may me might more most must my myself no nor not now of off on once one only or other
    our ours out over own per same shall she should so some such than that the their them then there these they this
    those through to too under until up upon us very was we were what when where which while who whom whose why will
    with within without would yes you your yours yourself im id ive dont cant isnt doesnt didnt wont lets thats whats
    youre
    der die das den dem des ein eine einen einem einer und oder aber ist sind war wie was wer wo warum ich du er sie es
    wir ihr mir mich dir mit von zu zum zur für auf im an am bei nach aus über unter nicht kein keine auch nur noch
    kann kannst können sich als dass wenn
    le la les un une du de et ou mais est sont je tu il elle nous vous ils que qui quoi pour dans sur avec sans par au
    aux ce cette ces mon ma mes ton ta votre notre ne pas plus comment pourquoi
    el los las una unos unas y o pero es son yo tú él ella que quien para en con sin por al del este esta mi tu su no
    más como cómo
    os as um uma umas e mas é são eu ele ela em na nos nas com sem do da dos das não mais
    lo gli uno ma è sono io che chi per nel nella con senza di della dei non più come
    het een van maar zijn ik jij hij wij dat wat voor met zonder door niet geen ook hoe
"""
"""English, German, French, Spanish, Portuguese, Italian, Dutch."""
_WORDS_OF_POLITENESS: Final = """
    please kindly thank thanks hi hello hey dear bitte danke hallo merci bonjour plaît gracias hola favor obrigado
    obrigada olá grazie ciao bedankt alsjeblieft
"""
_SAY_NOTHING: Final = frozenset(word.encode() for word in f"{_WORDS_OF_GRAMMAR} {_WORDS_OF_POLITENESS}".split())

_APOSTROPHES: Final = b"'"
_ASCII: Final = bytes(
    ord("0" if chr(code).isdigit() else chr(code).lower() if chr(code).isalpha() else " ") if code < 128 else 32
    for code in range(256)
)
"""Of each ASCII character what it is in a word; a blank for what is between words."""
_WORD: Final = re.compile(r"[^\W_]+")
_DIGIT: Final = re.compile(r"\d")
_APOSTROPHE: Final = re.compile("['’]")
_NO_BLANKS: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
"""Thai, Lao, Burmese, Khmer, kana, Han; and Hangul, whose words carry their grammar at their ends."""
_UNSPACED: Final = re.compile(f"[{_NO_BLANKS}]+")
_WORD_OR_CHARACTER: Final = re.compile(rf"[{_NO_BLANKS}]|[^\W_{_NO_BLANKS}]+")


def elements(text: str) -> Collection[bytes]:
    """What a prompt is made of, for its sketch; nothing if it is shorter than ``MIN_WORDS``.

    Two characters of a script without blanks count as a word.
    """
    text = text[:MAX_CHARS]
    grams: set[bytes] = set()
    if text.isascii():
        words = text.encode("ascii").translate(_ASCII, _APOSTROPHES).split()
        size = len(words)
    else:
        text = _DIGIT.sub("0", _APOSTROPHE.sub("", nfkc(text).casefold()))
        unspaced = _UNSPACED.findall(text)
        if unspaced:
            text = _UNSPACED.sub(" ", text)
            grams = {
                run[at : at + _CHARS_TOGETHER].encode()
                for run in unspaced
                for at in range(max(1, len(run) - _CHARS_TOGETHER + 1))
            }
        words = [word.encode() for word in _WORD.findall(text)]
        size = len(words) + sum(map(len, unspaced)) // _UNSPACED_PER_WORD
    if size < MIN_WORDS:
        return ()
    # A word that comes again changes no minimum: it is cheaper to keep it than to look for it.
    content = [word for word in words if word not in _SAY_NOTHING]
    if len(content) + len(grams) < 2 * _MIN_CONTENT and len(set(content)) + len(grams) < _MIN_CONTENT:
        content = words
    return [*content, *grams] if grams else content


def words_in_order(text: str) -> list[bytes]:
    """The words of a text without case and punctuation; of scripts without blanks, each character. For comparisons."""
    if text.isascii():
        return text.encode("ascii").translate(_ASCII, _APOSTROPHES).split()
    return [word.encode() for word in _WORD_OR_CHARACTER.findall(_APOSTROPHE.sub("", nfkc(text).casefold()))]


class Running(Protocol):
    """What is used of a hash of ``hashlib``."""

    def copy(self) -> Running:
        """Another one that goes on from here."""
        ...

    def update(self, data: bytes, /) -> None:
        """Go on with further data."""
        ...

    def hexdigest(self) -> str:
        """The hash in hexadecimal digits."""
        ...


class _Orders(NamedTuple):
    """What is drawn from a subkey: the factors of the orders, a row each, and a hash begun for each band."""

    factors: npt.NDArray[np.uint32]
    bands: list[Running]


class Sketcher:
    """Makes sketches under one key.

    Args:
        subkey: gives 32 bytes for a tenant, of the domain of sketches (``Fingerprinter.subkey``).
    """

    def __init__(self, subkey: Callable[[str], bytes]) -> None:
        self._subkey = subkey
        self._orders = functools.lru_cache(_TENANTS)(self._drawn)

    def _drawn(self, tenant: str) -> _Orders:
        key = self._subkey(tenant)
        stream = hashlib.shake_256(b"orders\0" + key).digest(BANDS * _BAND_BYTES)
        drawn = np.frombuffer(stream, dtype=_LITTLE).astype(np.uint32)[:, None]
        # The key in front instead of as BLAKE2's key: then a band is one block, not two. (BLAKE2 cannot be extended.)
        bands: list[Running] = [
            hashlib.blake2s(key + bytes((band,)), digest_size=KEY_CHARS // 2) for band in range(BANDS)
        ]
        # Even factors would map two words to one.
        return _Orders(drawn | np.uint32(1), bands)

    def __call__(self, text: str, tenant: str) -> list[Digest] | None:
        """The band keys of a prompt in the order of the bands; None for a text shorter than ``MIN_WORDS``."""
        words = elements(text)
        if not words:
            return None
        factors, bands = self._orders(tenant)
        if len(words) >= LONG_WORDS:
            factors, bands = factors[:_LONG_ROWS], bands[:LONG_BANDS]
        # Of the ways from words to numbers this is the fastest, and so is a row for each order.
        checksums = np.frombuffer(array("I", [crc32(word) for word in words]), dtype=np.uint32)
        # In one byte order whatever the machine's: all hosts make the same keys.
        least = (factors * checksums).min(1).astype(_LITTLE, copy=False).tobytes()
        keys: list[Digest] = []
        start = 0
        for begun in bands:
            running = begun.copy()
            running.update(least[start : start + _BAND_BYTES])
            keys.append(Digest(running.hexdigest()))
            start += _BAND_BYTES
        return keys
