"""What tells a secret from what stands in its place: placeholders, names of variables, words, published examples.

Theory of operation. Patterns say where a secret would stand. Half of what stands there in prompts about programming is
none: ``password: ${DB_PASSWORD}``, ``token = os.environ["TOKEN"]``, ``ghp_xxxxxxxxxxxx``, ``secret: arn:aws:...``. A
secret is random, or was chosen by somebody; so a check asks what else a value could be, and only if it is that for
sure, it is none. Where nobody can tell, it is one: what was taken for a secret is lost from a log, what was not is
lost to whoever reads it.

Where a provider publishes a checksum, a key that fits it is one beyond doubt. One that does not fit may have been cut.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import re
import string
import zlib
from collections import Counter
from typing import Final

_BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_MIN_DIFFERENT: Final = 5
"""So many different letters and digits has the body of any key; ``xxxx-XXXX`` and ``1111`` have fewer."""
_FEWEST_DIFFERENT: Final = 2
"""So many has whatever somebody chose: ``aaaa1111``."""
_MARKS: Final = re.compile(
    r"""
    \$\{[^}]*\}? | \$\([^)]*\)? | \{\{[^}]*\}{0,2} | \{[A-Za-z_][\w.:]*\}? | <[A-Za-z/&%\[][^>]*>?
  | &lt;.*?(?:&gt;|$)
  | ^%[\w.]+%$ | ^\[[\w\s-]+\]?$ | ^\$(?:[A-Z_][A-Z0-9_]*|[A-Za-z_]+)$ | ^ENC\[.* | \*{3,} | \#{4,}
  | process\.env[\w.\[\]'"]* | os\.(?:environ|getenv).* | getenv.* | \bENV\[.*
    """,
    re.VERBOSE | re.DOTALL,
)
"""Templates, variables, and what was removed already."""
_STANDING_IN: Final = re.compile(
    r"""
    (?<![A-Za-z0-9])(?:your?|my|the|some|put|insert|enter|replace|change|example|sample|placeholder|redacted|dummy|removed
      |filtered|hidden|todo|tbd|here|goes|secret|password|passwd|passwort|required|optional|disabled|undefined|null|none
      |true|false|string|value|default|token|unset|empty|api|key|access|client|with|this|user|name|db|app|auth|new|long
      |very|secure|and|pass|id)(?![A-Za-z0-9])
  | x{4,} | abcdefghijklmnopqrstuvwxyz | changeme
  | yourpass(?:word)? | yourtoken | yoursecret | yourapi(?:key)? | yourkey
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MOST_LEFT: Final = 6
"""So many letters and digits may be beside words that stand in: a number, the beginning of a key."""
_FILLER: Final = re.compile(
    r"[xX]{6}|[*]{3}|([A-Za-z])\1{7}|EXAMPLEEXAMPLE|abc123xyz|abcdefghijklmnopqrstuvwxyz"
    r"|(?<![A-Za-z])(?:YOUR|PUT|HERE|TOKEN|INSERT|your|here)(?![A-Za-z])"
)
_CODE: Final = re.compile(
    r"^[A-Za-z_]+(?:\.[A-Za-z_]+)+\(?$|^[A-Za-z_]\w*(?:\.\w+)+[(\[]|^[\w.]+\(\)|^[&*]?[A-Za-z_]+(?:->|::)[A-Za-z_]"
    r"|^(?:get|load|read|fetch|create|make|generate|decrypt|hash|str|int|len|input|require|new|open|func)\w*\("
    r"|^(?:self|this|var|args|env|req|request|config|settings|local|params?|options|data|process)\.[A-Za-z_][\w.]*$"
)
"""``config.password``, ``get_token(``, ``var.db_password``: what a program calls it."""
_ADDRESS: Final = re.compile(r"^(?:https?://|file:|arn:|urn:|[A-Za-z]:\\)")
_SLASHED: Final = re.compile(r"^(?:~|\.{1,2})?/|/.*/")
_MOSTLY: Final = 0.6
"""So much of the letters and digits of a path is words; base64 has slashes too."""
_VERSIONED: Final = re.compile(r"^[A-Za-z][A-Za-z.:/-]*[-:@]v?\d+(?:\.\d+)+(?:[.-][A-Za-z]+)?[:.]?$")
_DATE: Final = re.compile(r"^\d{4}-\d{2}-\d{2}(?:[T ].*)?$|^\d{1,2}:\d{2}(?::\d{2})?$")
_LONG_LOWER: Final = re.compile(r"[A-Z]?[a-z]{3,}")
_CHANGES: Final = re.compile(r"[A-Za-z](?=[0-9])|[0-9](?=[A-Za-z])")
_MIN_CHANGES: Final = 4
_WORDY: Final = 0.8
_MOST_DIGITS: Final = 2
_NAME_OF_NO_SECRET: Final = re.compile(
    r"(?:id|ids|hash|sha\d*|commit|digest|checksum|etag|uuid|guid|version|revision|rev|ref|fingerprint|trace|span|url|uri"
    r"|host|path|file|name|type|date|time|count|limit|size|length|index|image|tag|branch)s?$",
    re.IGNORECASE,
)
_PUBLIC: Final = re.compile(
    r"public|publishable|pub[_-]?key|primary|foreign|partition|sort|cache|idempotency|keyboard|keyword"
)

_PUBLISHED: Final = frozenset(
    """
    69f0079bb5cc49d5 2037abcaffb2b777 3f370c9dd8225c63 e4a5542bb7fd7b67 a19f89ab3555eac1 0b476bdf9acf2123
    eb540d2b6ee2a0a4 37f8f09bdf12c2f2 8731261cb72d8626 49f777db995e8260 27a9a42931dff7eb dc0fcf046c61640c
    4c98242dcadc8b29 ea9bb1082cf95663 3a8b61d0f636b007 a6c814bc555ae62c dba72c00f41f4e4c a0702bc91d699f60
    """.split()  # noqa: SIM905 - a line each otherwise
)
"""Keys that documentation publishes and everybody copies, by the first bytes of their SHA-256."""


def entropy_bits(text: str) -> float:
    """Shannon's entropy of a text, in bits per character."""
    size = len(text)
    return -sum(count / size * math.log2(count / size) for count in Counter(text).values()) if size else 0.0


def is_repetitive(value: str) -> bool:
    """Whether a value has hardly any different letters and digits."""
    return len(set(filter(str.isalnum, value))) < _MIN_DIFFERENT


def is_wordy(value: str) -> bool:
    """Whether a value is made of words: ``requiredTypesForDisplay``, ``change-my-password``."""
    return sum(map(str.isdigit, value)) <= _MOST_DIGITS and _share_of_words(value) >= _WORDY


def _share_of_words(value: str) -> float:
    letters = sum(map(str.isalnum, value))
    return sum(len(word) for word in _LONG_LOWER.findall(value)) / letters if letters else 0.0


def is_mixed(value: str) -> bool:
    """Whether digits stand between letters, again and again, as in no name with a number at its end."""
    return len(_CHANGES.findall(value)) >= _MIN_CHANGES


def has_marks(value: str) -> bool:
    """Whether a value has marks of a template or a variable, or of what was removed, and hardly anything beside."""
    rest, marks = _MARKS.subn("", value)
    return marks > 0 and _size(rest) <= _MOST_LEFT


def says_so(value: str) -> bool:
    """Whether a value says that it is none: ``your-password``, ``changeme``, ``${PASSWORD}``."""
    rest, words = _STANDING_IN.subn("", _MARKS.sub("\x00", value))
    return (words > 0 or "\x00" in rest) and _size(rest) <= _MOST_LEFT


def stands_in(value: str) -> bool:
    """Whether a value stands where a secret will be, or says where it is."""
    return says_so(value) or len(set(filter(str.isalnum, value))) <= _FEWEST_DIFFERENT


def _size(value: str) -> int:
    return sum(map(str.isalnum, value))


def is_elsewhere(value: str) -> bool:
    """Whether a value is a name in a program, a path, an address, a version or a date."""
    return is_path(value) or any(pattern.search(value) for pattern in (_CODE, _VERSIONED, _DATE))


def is_path(value: str) -> bool:
    """Whether a value is a path, an address or a resource."""
    if _ADDRESS.search(value):
        return True
    return _SLASHED.search(value) is not None and _share_of_words(value) >= _MOSTLY


def names_no_secret(name: str) -> bool:
    """Whether a name says that its value is an id, a hash, a place: ``token_id``, ``secret-name``."""
    return bool(_NAME_OF_NO_SECRET.search(name) or _PUBLIC.search(name.lower()))


def is_published(key: str) -> bool:
    """Whether everybody has this key from the same page of documentation."""
    return hashlib.sha256(key.encode()).hexdigest()[:16] in _PUBLISHED


def crc32_base62(body: str) -> bool | None:
    """Whether the last six characters of a body are the checksum of those before, as GitHub and npm write it."""
    if len(body) != 36:
        return None
    number, digits = zlib.crc32(body[:30].encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return True if digits == body[30:] else None


def holds(encoded: str, beginning: bytes) -> bool | None:
    """Whether some base64 holds a text that begins so; None if it does not."""
    try:
        data = base64.urlsafe_b64decode(encoded[: len(encoded) // 4 * 4])
    except (binascii.Error, ValueError):
        return None
    return True if beginning in data[: len(beginning) + 8] else None


def is_filler(body: str) -> bool:
    """Whether the body of a key was filled in by hand: ``xxxx...``, ``1111...``, ``YOUR_TOKEN_HERE``."""
    return is_repetitive(body) or _FILLER.search(body) is not None


def is_google_key(body: str) -> bool | None:
    """Whether the body of a key of Google's is one that no documentation publishes."""
    return False if is_published(f"AIza{body}") else None


def is_no_name(body: str) -> bool | None:
    """Whether the body of a key is no name in a program."""
    return False if is_wordy(body) else None
