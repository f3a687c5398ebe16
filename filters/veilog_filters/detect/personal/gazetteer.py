"""Names of people and places from a list: for where no model may run. Off by default, since lists know no context.

The built-in list has the commonest first and family names of the US censuses of 1990 and 2000 (public domain) and of
Europe, all states and some hundred cities; words that mean something else too ("Will", "Grace") are left out. Behind a
listed name of a person, further words with a capital letter belong to it. A file of one's own has the same form:

    kind,name
    person,Dagmar
    place,Castrop-Rauxel

A list becomes one pattern, a tree of its letters: that is compared in the time of one word, however long the list is.
"""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from veilog_filters.detect.personal.detector import PARTICLES, WORD, Form, PersonalDetector
from veilog_filters.detect.personal.names import is_name
from veilog_filters.yaml_file import InvalidError

_BUILT_IN: Final = Path(__file__).parents[2] / "rules" / "gazetteer.csv"
_HEADER: Final = ["kind", "name"]
_PERSON, _PLACE = "person", "place"
_KINDS: Final = (_PERSON, _PLACE)
_MAX_ROWS: Final = 20_000
_NAME: Final = re.compile(r"[^\W\d_](?:[\w.'-]| (?! )){0,39}[\w.]")
_MORE: Final = rf"(?: (?:(?-i:[A-Z])\. ?)?{PARTICLES}{{0,2}}{WORD}){{0,2}}"

Tree = dict[str, "Tree"]


def detectors(file: str, *, built_in: bool) -> list[PersonalDetector]:
    """The detectors of the lists that are asked for.

    Args:
        file: path of a list of one's own; empty for none.
        built_in: whether the built-in list is asked for.

    Raises:
        InvalidError: the file is not what it should be.
    """
    rows = set(_built_in()) if built_in else set()
    if file:
        rows |= _rows(Path(file))
    people = sorted(name for kind, name in rows if kind == _PERSON)
    places = sorted(name for kind, name in rows if kind == _PLACE)
    found = []
    if people:
        found.append(_detector("listed_person", "PERSON", people, _MORE))
    if places:
        found.append(_detector("listed_place", "LOCATION", places, ""))
    return found


def _detector(name: str, entity: str, listed: list[str], more: str) -> PersonalDetector:
    known = frozenset(listed)
    longest = max(len(name.split()) for name in listed)

    def is_listed(text: str) -> bool:
        # The pattern knows no letters beyond ASCII.
        words = text.split()
        return any(" ".join(words[:count]) in known for count in range(1, longest + 1)) and (not more or is_name(text))

    return PersonalDetector(
        name=name,
        option="gazetteer",
        entity=entity,
        forms=(Form("listed", rf"(?<!\w)(?-i:{tree_pattern(listed)})(?!\w){more}", 0.5),),
        is_valid=is_listed,
        examples=(),
        counterexamples=(),
    )


def tree_pattern(words: Iterable[str]) -> str:
    """One expression for any of some words, which branches where they do. Letters beyond ASCII are any letter."""
    tree: Tree = {}
    for word in words:
        branch = tree
        for char in word:
            branch = branch.setdefault(re.escape(char) if char.isascii() else r"\w", {})
        branch[""] = {}
    return _written(tree)


def _written(tree: Tree) -> str:
    branches = [char + _written(below) for char, below in sorted(tree.items()) if char]
    if not branches:
        return ""
    written = branches[0] if len(branches) == 1 and "" not in tree else f"(?:{'|'.join(branches)})"
    return f"{written}?" if "" in tree else written


@functools.cache
def _built_in() -> frozenset[tuple[str, str]]:
    return frozenset(_rows(_BUILT_IN))


def _rows(path: Path) -> set[tuple[str, str]]:
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error):
        raise _invalid("the file of names and places cannot be read as UTF-8 CSV", "name a readable file") from None
    if not rows or rows[0] != _HEADER:
        raise _invalid("the first line of the file is not the header", f"write {','.join(_HEADER)} as the first line")
    if len(rows) > _MAX_ROWS:
        raise _invalid("the file has too many rows", f"write no more than {_MAX_ROWS}")
    found = set()
    for number, row in enumerate(rows[1:], 2):
        if not row:
            continue
        if len(row) != len(_HEADER) or row[0] not in _KINDS or not _NAME.fullmatch(row[1]):
            problem = (
                f"line {number} of the file is not a kind of {' or '.join(_KINDS)} and a name of 2 to 41 characters"
            )
            raise _invalid(problem, "mend the line or remove it")
        found.add((row[0], row[1]))
    return found


def _invalid(problem: str, fix: str) -> InvalidError:
    return InvalidError(problem, fix, "personal", "gazetteer_file")
