"""Which fields queries of Splunk, Microsoft Sentinel and Google SecOps ask for.

Splunk's and Google's query languages have no parser that could be installed. So their queries are read with a closed list:
every word must be a command, a function, a keyword, an option or a name that the query itself makes; what is left is a
field. A word that is none of these, a mistyped keyword for example, is then taken for a field that nobody writes, and
is found. Queries in Microsoft's language are bound to the table's columns by its own language service
(``tests/node/kql.js``); here they are read for the columns and for the paths below the dynamic one.
"""

from __future__ import annotations

import configparser
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import sentinel_template
import splunk_app


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Splunk ---------------------------------------------------------------------------------------------------------------

OF_SPLUNK: Final = frozenset({"_time", "host", "index", "source", "sourcetype"})
"""Fields that every event in Splunk has."""
_COMMANDS: Final = _words(
    "search dedup timechart chart fillnull stats sort rename eval where mvexpand table convert streamstats"
)
_FUNCTIONS: Final = _words(
    "count sum dc min max last if case isnull now relative_time round strftime mvzip mvappend ctime eval"
)
_KEYWORDS: Final = frozenset(["by", "as", "over", "and", "or", "not", "in", "count"])
_OPTIONS: Final = frozenset(["limit", "value", "current", "global", "window", "span"])
_SPL: Final = re.compile(
    r'\s+|"(?P<quoted>[^"]*)"|(?P<option>\w+)=(?=[\w"])|(?P<word>[A-Za-z_][\w.{}]*)(?P<call>\()?|(?P<number>-?[\d.]+[a-z]?)|.'
)


def spl_fields(query: str) -> set[str]:
    """The fields that a query of Splunk asks for.

    Args:
        query: the query, in which names with quotes stand behind ``rename`` and nowhere else.

    Raises:
        AssertionError: if a command or a function is not on the list of those that are known here.
    """
    text = re.sub(r"```.*?```|`\w+`", "", query, flags=re.DOTALL)
    made: set[str] = set()
    asked: set[str] = set()
    for number, part in enumerate(text.split("|")):
        command, _, rest = part.strip().partition(" ") if number else ("search", "", part)
        assert command in _COMMANDS, f"unknown command {command}"
        new = set(re.findall(r"\bas\s+(\w+)", rest))
        if command == "eval":
            new |= set(re.findall(r"(?:^|,)\s*(\w+)\s*=", _without_arguments(rest)))
        asked |= set(_names(command, rest)) - made - (new if command == "eval" else set())
        made |= new
    return asked


def _without_arguments(text: str) -> str:
    """A text without what stands in parentheses."""
    while (shorter := re.sub(r"\([^()]*\)", "", text)) != text:
        text = shorter
    return text


def _names(command: str, text: str) -> Iterator[str]:
    """The words of a command's arguments that are neither functions, keywords, options nor new names."""
    before = ""
    for token in _SPL.finditer(text):
        name = token["quoted"] if command == "rename" else None
        name = name or token["word"] or token["option"]
        if token[0].isspace():
            continue
        if not name:
            before = ""
            continue
        if token["call"]:
            assert name in _FUNCTIONS or name == "IN", f"unknown function {name}"
        elif name in _OPTIONS and token["option"]:
            before = "option"
            continue
        elif before not in ("as", "option") and name.lower() not in _KEYWORDS:
            yield name
        before = name


def of_splunk(field: str) -> str:
    """Where a field of Splunk's automatic extraction of JSON stands in an envelope of the HTTP Event Collector."""
    return f"event.{field.replace('{}', '')}"


def conf(name: str) -> configparser.ConfigParser:
    """A configuration file of the add-on."""
    parser = configparser.ConfigParser(interpolation=None, strict=True, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    text = (splunk_app.ADD_ON / "default" / name).read_text(encoding="utf-8")
    parser.read_string(text.replace(" \\\n", " "))
    return parser


@functools.cache
def calculated() -> dict[str, str]:
    """Fields that the add-on makes of others, by name, with the expressions that make them."""
    props = conf("props.conf")
    return {
        key.removeprefix("EVAL-"): value
        for stanza in props.sections()
        for key, value in props[stanza].items()
        if key.startswith("EVAL-")
    }


def splunk_fields(path: Path) -> Iterator[str]:
    """The fields that a file of conf/siem/splunk asks for, as the encoder writes them."""
    fields = spl_fields(path.read_text(encoding="utf-8"))
    for name, expression in calculated().items():
        if name in fields:
            fields |= spl_fields(f"| eval {name}={expression}")
    return map(of_splunk, sorted(fields - OF_SPLUNK - calculated().keys()))


# Microsoft Sentinel ---------------------------------------------------------------------------------------------------


def kql_paths(query: str) -> set[str]:
    """The places below the dynamic column for everything else that a query asks for."""
    plain = re.sub(r'\["(\w+)"\]', r".\1", query)
    return set(re.findall(r"\bAdditionalFields(?:\.\w+)+", plain))


def sentinel_fields(path: Path) -> Iterator[str]:
    """The fields that a file of conf/siem/sentinel asks for, by itself or by the functions that it calls."""
    text = path.read_text(encoding="utf-8")
    for function in (sentinel_template.SENTINEL / "functions").iterdir():
        if re.search(rf"\b{function.stem}\b", text):
            text += function.read_text(encoding="utf-8")
    yield from kql_paths(text)
    yield from sentinel_template.columns().keys() & set(re.findall(r"\w+", text))


# Google SecOps --------------------------------------------------------------------------------------------------------

_YARA_L_WORDS: Final = _words(
    "rule meta events match outcome condition order limit author description severity over by "
    "or asc desc count count_distinct sum min max array_distinct if"
)
_YARA_L_FUNCTIONS: Final = frozenset({"timestamp.get_date", "timestamp.get_hour"})
_PART_OF_TIME: Final = ".seconds"
_YARA_L: Final = re.compile(
    r'"[^"]*"|\$\w+|#\w+|\b\d+\w?\b|(?P<field>[a-z_]+(?:\.[a-z_]+)+)(?P<key>\["[\w.]+"\])?|(?P<word>[A-Za-z_]\w*)'
)


def yara_l_fields(query: str) -> set[str]:
    """The fields that a search or a rule asks for, in the spelling of the ingestion API.

    Raises:
        AssertionError: if a word is not on the list of those that are known here.
    """
    asked = set()
    text = re.sub(r"//.*|rule \w+", "", query)
    text = re.sub(r"\$e\.", "", text)
    for token in _YARA_L.finditer(text):
        if token["word"]:
            assert token["word"] in _YARA_L_WORDS, f"unknown word {token['word']}"
        elif token["key"]:
            asked.add(token["field"].removesuffix(".fields") + "." + token["key"][2:-2])
        elif token["field"] and token["field"] not in _YARA_L_FUNCTIONS:
            asked.add(_camel(token["field"]).removesuffix(_PART_OF_TIME))
    return asked


def _camel(field: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), field)


def secops_fields(path: Path) -> Iterator[str]:
    """The fields that a file of conf/siem/secops asks for."""
    return iter(sorted(yara_l_fields(path.read_text(encoding="utf-8"))))
