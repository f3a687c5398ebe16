"""The shape of a record: which keys it has where, whatever their values.

Two records of one kind of log have the same shape; so its keyed hash, in the quarantine events of records that no
parser recognizes, tells an operator how many kinds there are, and ``veilog suggest`` shows on the host which is which.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from veilog_filters.fingerprint import Fingerprinter

MAX_KEY_CHARS: Final = 64
"""Keys are cut there: they are content, and there is no end to their length."""
MAX_PATH_KEYS: Final = 32
"""What lies deeper counts as one value."""
DOMAIN: Final = "record_shape"
_DIGITS: Final = 32

Path = tuple[str, ...]
"""The keys to a value, ``ITEM`` for the items of an array."""
ITEM: Final = "[]"


def leaves(value: Any) -> Iterator[tuple[Path, Any]]:
    """Every value that holds no others, with its path, in the order of the record; keys are cut.

    What is empty, or deeper than ``MAX_PATH_KEYS``, is such a value too. There is no recursion, and what is waiting is
    one iterator per level.
    """
    waiting: list[tuple[Path, Iterator[tuple[str, Any]]]] = [((), iter((("", value),)))]
    while waiting:
        path, inside = waiting[-1]
        following = next(inside, None)
        if following is None:
            waiting.pop()
            continue
        key, item = following
        # The record itself has no key.
        here = (*path, key) if len(waiting) > 1 else path
        if type(item) is dict and item and len(here) < MAX_PATH_KEYS:
            waiting.append((here, ((name[:MAX_KEY_CHARS], inner) for name, inner in item.items())))
        elif type(item) is list and item and len(here) < MAX_PATH_KEYS:
            waiting.append((here, ((ITEM, inner) for inner in item)))
        else:
            yield here, item


def spelled(path: Path) -> str:
    """A path as text: dots between keys, ``[]`` behind an array, ``\\.`` for a dot inside a key."""
    out = ""
    for key in path:
        if key is ITEM:
            out += ITEM
        else:
            escaped = key.replace(".", "\\.")
            out += f".{escaped}" if out else escaped
    return out


def key_paths(value: Any, max_paths: int = 1000) -> list[str]:
    """The sorted distinct key paths of a JSON value, at most ``max_paths``: the first ones of a record with more."""
    found: set[Path] = set()
    for path, _ in leaves(value):
        if path not in found:
            if len(found) >= max_paths:
                break
            found.add(path)
    return sorted(map(spelled, found))


def shape_hash(paths: list[str], fingerprinter: Fingerprinter) -> str:
    """The keyed hash of a shape, as events carry it: the same for every tenant."""
    text = "\n".join(paths).encode("utf-8", "replace")
    return fingerprinter.digest(DOMAIN, "", text)[:_DIGITS]
