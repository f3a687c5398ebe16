"""Other forms of a text in which something may stand that no pattern sees in the text itself.

Theory of operation. Patterns know how a card or an address is written by who has nothing to hide. The same card in
full-width digits, with a zero-width space in the middle, as ``&#52;&#49;...``, percent-encoded, as ``\\u0034`` or in
base64 is the same card to whoever reads the output. So a text in which something is written in such a way is read
again with that undone, and what is found there is found in the text (``view`` has the map).

* **What is undone**, in each round: (1) HTML references, percent-encoding and backslash escapes; compatibility forms
  (NFKC), digits of other scripts, dashes, combining marks, control characters, and characters that nobody sees; tags
  (U+E0020 to U+E007E) are both taken for the letters that they stand for and left out; white space between the groups
  of a number becomes a blank; (2) base64, also url-safe, unpadded, in lines or behind a prefix, of at least
  ``MIN_RUN_CHARS``, where it decodes to text. There are at most ``MAX_ROUNDS`` rounds, for what is written in base64
  may be percent-encoded first, and JSON in JSON has its escapes escaped. At last a plus between words becomes a
  blank, as in forms.
* **What it costs.** Each step is linear, and a view has at most ``MAX_GROWTH`` times as many characters as its text.
  Most texts are plain: that is told by looking for four characters and, in a copy without small letters, for what is
  dense in others, as base64 is, a microsecond in all; what is not ASCII is looked at by its different characters.
* **What it changes.** It adds findings, and takes none away. A text that is plain is read once, as Presidio reads it.

What it can't undo stays: what is encrypted, spelled backward, spaced out or written in words, and base64 of less than
``MIN_RUN_CHARS``.
"""

from __future__ import annotations

import binascii
import functools
import html
import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from veilog_filters.forms.view import Maker, View, replaced

MAX_ROUNDS: Final = 3
MIN_RUN_CHARS: Final = 14
MAX_GROWTH: Final = 4
"""No character becomes more than four; those that NFKC makes more of are ligatures of whole phrases."""
_MIN_READABLE: Final = 0.75
_MIN_LINE_CHARS: Final = 16

_ESCAPE: Final = re.compile(
    r"""
    &\#?[A-Za-z0-9]{1,32};?
  | %[0-7][0-9A-Fa-f] | (?:%[89A-Fa-f][0-9A-Fa-f])+ | %u[0-9A-Fa-f]{4}
  | \\u[Dd][89ABab][0-9A-Fa-f]{2}\\u[Dd][C-Fc-f][0-9A-Fa-f]{2}
  | \\u[0-9A-Fa-f]{4} | \\u\{[0-9A-Fa-f]{1,6}\} | \\U[0-9A-Fa-f]{8}
  | \\x[0-7][0-9A-Fa-f] | (?:\\x[89A-Fa-f][0-9A-Fa-f])+
  | \\[bfnrt"'/\\]
    """,
    re.VERBOSE,
)
_PERCENT: Final = re.compile(r"%(?:[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4})")
_REFERENCE: Final = re.compile(r"&(?:#[0-9Xx]|[A-Za-z]{2})")
_PLUS: Final = re.compile(r"\+(?<=[\w)]\+)(?=[A-Za-z(]|\d(?<![0-9.][Ee]\+\d))")
_SIMPLE: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
JSON_ESCAPE: Final = re.compile(
    r"\\(?:u[Dd][89ABab][0-9A-Fa-f]{2}\\u[Dd][C-Fc-f][0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|[^u])", re.DOTALL
)

_FOREIGN: Final = re.compile(r"[^\x00-\x7f]")
_TAG: Final = re.compile("[\U000e0020-\U000e007e]")
_UNSEEN: Final = re.compile(
    # Default_Ignorable_Code_Point, but for what is of category Cf anyway; the blank of Braille; and marks that
    # combine with any letter.
    "[\u2800\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff"
    "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
)

_ALPHABET: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")
_CLASSES: Final = bytes(ord("a") if code in _ALPHABET else ord(" ") for code in range(256))
_RUN: Final = b"a" * MIN_RUN_CHARS
_SMALL: Final = b"abcdefghijklmnopqrstuvwxyz "
_DENSE: Final = re.compile(rb"[A-Z0-9]{4}|[\x00-\x08\x0e-\x1a\x7f]")
"""Four in a row in what is left of a text without small letters: more than half of the letters of base64 are left, and
of a number in groups. And control characters, but for those that part words."""
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x7f]+")
_DASHES: Final = "\u2010-\u2015\u2212"
_DASH: Final = re.compile(f"[{_DASHES}]")
_DASH_INSIDE: Final = re.compile(rf"(?<=\w)[{_DASHES}](?=\w)")
_WIDE_GAP: Final = re.compile(r"[0-9)](?:  |[ ]?[\t\r\n])[\s]{0,8}[0-9A-Z(]")
_G: Final = r"-?\s{0,8}+"
_SEPARATOR: Final = r"(?:-\s{0,8}+|\s{1,8}+)"
_IN_GROUPS: Final = re.compile(
    rf"""
    (?<![0-9A-Za-z])(?:
        [0-9]{{4}}(?:{_G}[0-9]{{4}}){{3}} | [0-9]{{4}}{_G}[0-9]{{6}}{_G}[0-9]{{5}}
      | [0-9]{{3}}{_G}[0-9]{{2}}{_G}[0-9]{{4}}
      | [A-Z]{{2}}[0-9]{{2}}(?:{_G}[A-Z0-9]{{4}}){{2,7}}(?:{_G}[A-Z0-9]{{1,3}})?
      | \+[0-9]{{1,3}}(?:{_SEPARATOR}\(?[0-9]{{2,8}}\)?){{1,5}} | \(?[0-9]{{3}}\)?{_G}[0-9]{{3}}{_G}[0-9]{{4}}
    )(?![0-9A-Za-z])
    """,
    re.VERBOSE,
)
"""A card, a social security number, an IBAN or a phone number, whatever white space is between its groups."""
_WHITE: Final = re.compile(r"\s+")
_PADDING: Final = re.compile("={0,2}")
_NEWLINE: Final = re.compile(r"\r?\n(?=[A-Za-z0-9+/_-])")
_PARTS: Final = re.compile(rf"[A-Za-z0-9+]{{{MIN_RUN_CHARS},}}")
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_LEADS: Final = bytes(range(ord("A"), ord("Z") + 1)) + b"abcdef"
"""Every fourth character of the base64 of ASCII text is one of these."""
_CONTROLS: Final = bytes(code for code in range(32) if code not in b"\t\r\n") + b"\x7f"
_HIGH: Final = bytes(range(128, 256))
_MIN_TEXT_BYTES: Final = 6


def unmasked(text: str, of: View | None = None) -> list[View]:
    """The other forms of a text; none if it is plain.

    Args:
        text: the text.
        of: the view whose text it is.
    """
    # What most texts are is told here, with no call more than it takes.
    if text.isascii() and not _has_escape(text) and _DENSE.search(text.encode().translate(None, _SMALL)) is None:
        if "+" not in text:
            return []
        # A phone number with a plus is the one whose groups may be so short that it is not dense.
        if not _has_wide_gap(text):
            return [] if (view := _without_pluses(text, of)) is None else [view]
    views: list[View] = []
    if not text.isascii() and _TAG.search(text):
        untagged = replaced(text, _TAG, lambda _tag: "", of)
        views += [untagged] if untagged else []
    for _ in range(MAX_ROUNDS):
        before = len(views)
        for decode in (_spelled_plainly, _out_of_base64):
            view = decode(text, of)
            if view is not None:
                views.append(view)
                text, of = view.text, view
        if len(views) == before:
            break
    # In base64 a plus is a plus, so this comes last.
    if "+" in text and (view := _without_pluses(text, of)):
        views.append(view)
    return views


def _without_pluses(text: str, of: View | None) -> View | None:
    """A text with blanks for the pluses between words, as in forms."""
    return replaced(text, _PLUS, lambda _plus: " ", of)


def _spelled_plainly(text: str, of: View | None) -> View | None:
    """A text without escapes, and in plain characters."""
    view = None
    if _has_escape(text):
        view = replaced(text, _ESCAPE, unescaped_character, of)
        text, of = (text, of) if view is None else (view.text, view)
    if not text.isprintable() and _CONTROL.search(text):
        view = replaced(text, _CONTROL, lambda _control: "", of) or view
        text, of = (text, of) if view is None else (view.text, view)
    if not text.isascii() and _foreign(text):
        view = replaced(text, _FOREIGN, _plain, of)
        text, of = (text, of) if view is None else (view.text, view)
    if _has_wide_gap(text):
        view = replaced(text, _IN_GROUPS, lambda groups: _WHITE.sub(" ", groups), of) or view
    return view


def _has_wide_gap(text: str) -> bool:
    """Whether more than a blank is between two groups of a number; the pattern asks at each digit, so it comes last."""
    if "  " in text or "\n" in text or "\t" in text or "\r" in text:
        return _WIDE_GAP.search(text) is not None
    return False


def _has_escape(text: str) -> bool:
    """Whether there is one, told for each kind by itself: texts of code have ampersands, and nothing to undo."""
    return (
        ("&" in text and _REFERENCE.search(text) is not None)
        or ("%" in text and _PERCENT.search(text) is not None)
        or ("\\" in text and _ESCAPE.search(text) is not None)
    )


def unescaped_character(escape: str) -> str:
    """What an escape stands for; the escape itself if it stands for nothing."""
    kind, second = escape[0], escape[1:2]
    if kind == "&":
        return html.unescape(escape)
    try:
        if kind == "%" and second != "u":
            return _of_bytes(escape.replace("%", ""))
        if second == "x":
            return _of_bytes(escape.replace("\\x", ""))
        if second in ("u", "U"):
            return _of_units(escape)
    except (ValueError, OverflowError):
        return escape
    return _SIMPLE.get(second, second)


def _of_bytes(digits: str) -> str:
    data = bytes.fromhex(digits)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _of_units(escape: str) -> str:
    if len(escape) == 12:  # a surrogate pair
        high, low = int(escape[2:6], 16), int(escape[8:], 16)
        return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
    code = int(escape[2:].strip("{}"), 16)
    # Half of a pair alone is no character, and no model can read it.
    return escape if 0xD800 <= code <= 0xDFFF else chr(code)


def _foreign(text: str) -> bool:
    """Whether a character of a text has another form."""
    foreign = {character for character in set(text) if character > "\x7f" and _plain(character) != character}
    # Prose has dashes between words: most of these are with blanks, and hide nothing.
    return bool(foreign) and (not all(map(_DASH.match, foreign)) or _DASH_INSIDE.search(text) is not None)


@functools.lru_cache(maxsize=65_536)
def _plain(character: str) -> str:
    """The plain form of a character that is not ASCII; empty if nobody sees it."""
    if _TAG.match(character):
        return chr(ord(character) - 0xE0000)
    if _DASH.match(character):
        return "-"
    if (unicodedata.category(character) in ("Cf", "Cc") and character != "\x85") or _UNSEEN.match(character):
        return ""
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    plain = unicodedata.normalize("NFKC", character)
    return plain if len(plain) <= MAX_GROWTH else character


def _out_of_base64(text: str, of: View | None) -> View | None:
    """A text with what is in base64 decoded."""
    if _DENSE.search(text.encode("ascii", "replace").translate(None, _SMALL)) is None:
        return None
    classes = _classes(text)
    if _RUN not in classes:
        return None
    maker, done = Maker(), 0
    for start, end in _runs(text, classes):
        words = _decoded(text[start:end])
        if words is not None:
            maker.add(text[done:start], done, start, exact=True)
            maker.add(words, start, end, exact=False)
            if text[end : end + 1].isalnum():
                maker.fill(" ")
            done = end
    if not done:
        return None
    maker.add(text[done:], done, len(text), exact=True)
    return maker.view(of)


def _classes(text: str) -> bytes:
    """A text in two letters: one for what may stand in base64, and a blank for all else."""
    return text.encode("ascii", "replace").translate(_CLASSES)


def _runs(text: str, classes: bytes) -> Iterator[tuple[int, int]]:
    """Where base64 may stand, with its padding. Lines of one block are one run."""
    start = classes.find(_RUN)
    while start >= 0:
        end = _end_of_run(classes, start)
        run = text[start:end]
        # Words have one capital at most and account numbers no small letter; base64 of a text has both.
        if run[1:] != run[1:].lower() and run != run.upper():
            end = _end_of_block(text, classes, start, end)
            yield start, end + len(_PADDING.match(text, end)[0])  # type: ignore[index]  # it always matches
        start = classes.find(_RUN, end)


def _end_of_block(text: str, classes: bytes, start: int, end: int) -> int:
    """Where the last line of a block ends. A line has as many characters as four divides, but for the last."""
    while end - start >= _MIN_LINE_CHARS and (end - start) % 4 == 0 and (newline := _NEWLINE.match(text, end)):
        end_of_next = _end_of_run(classes, newline.end())
        # A line that goes on with a blank is prose.
        if text[end_of_next : end_of_next + 1] == " ":
            break
        start, end = newline.end(), end_of_next
    return end


def _end_of_run(classes: bytes, start: int) -> int:
    end = classes.find(b" ", start)
    return len(classes) if end < 0 else end


def _decoded(run: str) -> str | None:
    """What a run of characters says in base64; None if that is no text."""
    data = "".join(run.rstrip("=").split()).encode("ascii").translate(_TO_STANDARD)
    found = _text_in(data)
    if found is not None:
        return found
    # Something may stand before it that is no part of it.
    for skipped in range(1, 4):
        leads = data[skipped::4]
        if 4 * len(leads.translate(None, _LEADS)) <= len(leads) and (found := _text_in(data[skipped:])) is not None:
            return found
    if run.rstrip("=").isalnum():
        return None
    parts = _PARTS.findall(run)
    said = [_text_in(part.encode("ascii")) for part in parts]
    return "\n".join(filter(None, said)) or None


def _text_in(data: bytes) -> str | None:
    """The text that some base64 holds; None if it holds none."""
    usable = len(data) - (len(data) % 4 == 1)
    decoded = binascii.a2b_base64(data[:usable] + b"=" * (-usable % 4)).replace(b"\0", b"")
    if len(decoded) < _MIN_TEXT_BYTES:
        return None
    try:
        text, readable = decoded.decode(), decoded.translate(None, _CONTROLS)
    except UnicodeDecodeError:
        text, readable = decoded.decode("utf-8", "replace"), decoded.translate(None, _CONTROLS + _HIGH)
    return text if len(readable) >= _MIN_READABLE * len(decoded) else None
