"""YAML files read strictly: every defect with its file, line, key and fix.

A typo in a configuration must not silently switch a protection off. So an unknown key, a duplicate key, a null or a
wrong type is an error, and all errors of a file are reported at once. YAML's own loader forgets where a value stood;
here the node tree is walked, so that each defect can name its line.

No message quotes a value of the file: a secret may have been pasted into the wrong option. What is wrong is said by its
place and by what was expected there, in the words of the file (``expected a whole number from 1 to 65536``), never in
those of the library that found it. Keys are named where they look like words (``shown``).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import regex
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from veilog_filters.errors import ConfigError, Defect

Key = tuple[str | int, ...]
ModelT = TypeVar("ModelT", bound=BaseModel)

MAX_FILE_BYTES: Final = 4_194_304
"""Longest file, in bytes: no configuration is that long."""
MAX_VALUES: Final = 100_000
"""Most keys and values in a file, aliases counted each time: so a short file cannot stand for an endless one."""
MAX_DEPTH: Final = 32
"""Deepest nesting."""
MAX_SHOWN_CHARS: Final = 40
"""Longest key that a message names."""
MAX_SHOWN_DIGITS: Final = 4
"""Most digits in a key that a message names: secrets have more."""

_WORD: Final = re.compile(
    r"[a-z]{1,16}[0-9]{0,4}(?:[_.-][a-z]{0,16}[0-9]{0,4})*|[A-Z]{1,16}[0-9]{0,4}(?:_[A-Z]{0,16}[0-9]{0,4})*"
)
_WRITE: Final = "write "
_VARIABLE: Final = re.compile(r"[A-Z0-9]{1,20}(?:_[A-Z0-9]{1,20})+")
_READ_AS_BOOL: Final = frozenset(("on", "off", "yes", "no", "true", "false"))


class InvalidError(ValueError):
    """What a model's own check found wrong, for rules that span several keys.

    Args:
        problem: what was found and what was expected; without the value that was found.
        fix: what to write instead.
        key: the key at fault, below the model that checks.
    """

    def __init__(self, problem: str, fix: str, *key: str | int) -> None:
        super().__init__(problem)
        self.fix = fix
        self.key = key


class Strict(BaseModel):
    """Base of every model that is read from a file: frozen, no unknown keys, no conversion of types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


def load(path: str | Path, model: type[ModelT], context: dict[str, Any] | None = None) -> ModelT:
    """Read a YAML file into a model.

    Args:
        path: the file.
        model: the model.
        context: what the model's checks are told.

    Raises:
        ConfigError: the file cannot be read, is empty, is no YAML, or does not fit the model.
    """
    return parse(_text_of(path), str(path), model, context)


def parse(text: str, name: str, model: type[ModelT], context: dict[str, Any] | None = None) -> ModelT:
    """Read YAML text into a model; ``name`` is what errors call the file. Raises as ``load``."""
    reader = _Reader(name)
    value = reader.read(text)
    try:
        return model.model_validate(value, context=context)
    except ValidationError as error:
        # A value that is wrong in two ways is one defect.
        defects = dict.fromkeys(reader.defect(detail, model) for detail in error.errors(include_input=False))
        raise ConfigError(*defects) from None


def line_of(path: str | Path | None, key: Key) -> int:
    """The line of a key in a file, or of the nearest key above it; 0 if there is no such file any more."""
    if path is None:
        return 0
    reader = _Reader(str(path))
    try:
        reader.read(_text_of(path))
    except ConfigError:
        return 0
    return reader.line(key)


def shown(key: str) -> str:
    """A key as messages name it: as it is if it looks like a word, else by its length."""
    looks_like_a_word = len(key) <= MAX_SHOWN_CHARS and _WORD.fullmatch(key)
    if looks_like_a_word and sum(map(str.isdigit, key)) <= MAX_SHOWN_DIGITS:
        return key
    return _length_of(key)


def _length_of(key: str) -> str:
    return f"<a key of {len(key)} characters>"


def variable(name: str) -> str:
    """An environment variable as messages name it; a secret that was written in its place is not shown."""
    return f"the environment variable {name}" if _VARIABLE.fullmatch(name) else "the environment variable named here"


def closest(word: str, known: Collection[str], many: int = 12) -> str:
    """What to write instead of a word that is not known, without the word itself."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.75)
    if not near:
        folded = {name.casefold(): name for name in known}
        near = [folded[found] for found in difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.75)]
    if near:
        return f"did you mean {near[0]}?"
    names = sorted(known)
    listed = ", ".join(names[:many])
    return f"write one of {listed}" + (f" and {len(names) - many} more" if len(names) > many else "")


def check_pattern(pattern: str) -> None:
    """Whether a pattern of the configuration compiles.

    Raises:
        InvalidError: it does not. The error says where, and quotes nothing.
    """
    try:
        regex.compile(pattern)
    except regex.error as error:
        # Its words without the piece of the pattern that some of them quote.
        reason = str(error).partition(" at position")[0].partition("\\")[0].strip()
        place = getattr(error, "pos", None)
        at = f" at character {place + 1}" if isinstance(place, int) else ""
        problem = f"the pattern does not compile: {reason}{at}"
        raise InvalidError(problem, "write it in the syntax of Python's regex module, in single quotes") from None


def dotted(key: Key) -> str:
    """``("a", 0, "b")`` as ``a[0].b``."""
    out = ""
    for part in key:
        out += f"[{part}]" if isinstance(part, int) else f".{shown(part)}" if out else shown(part)
    return out


def key_of(name: str) -> Key:
    """``a[0].b`` as ``("a", 0, "b")``."""
    return tuple(int(part) if part.isdigit() else part for part in re.split(r"[.\[\]]+", name.rstrip("]")) if part)


def _text_of(path: str | Path) -> str:
    name = str(path)
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        problem = f"cannot read the file: {reason_of(error)}"
        raise ConfigError(Defect(name, 0, "", problem, "name a readable file")) from None
    if len(data) > MAX_FILE_BYTES:
        problem = f"the file is longer than {MAX_FILE_BYTES} bytes"
        raise ConfigError(Defect(name, 0, "", problem, "name a configuration file"))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(Defect(name, 0, "", "the file is not UTF-8", "save it as UTF-8")) from None


def reason_of(error: OSError) -> str:
    """Why the system refused something, in small letters and without the path."""
    return (error.strerror or "it cannot be read").lower()


class _Reader:
    """Builds plain values from YAML nodes and remembers the line of each key."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[Key, int] = {(): 1}
        self.defects: list[Defect] = []
        self._values = 0
        self._constructor = yaml.SafeLoader("")

    def read(self, text: str) -> dict[str, Any]:
        """The values of a file.

        Raises:
            ConfigError: it is empty, is no YAML, or says something twice or not at all.
        """
        node = self._compose(text)
        if node is None:
            problem = "the file is empty" if not text.strip() else "the file holds nothing but comments"
            self._fail(problem, "write lines such as key: value, or leave the file out for the defaults")
        if not isinstance(node, yaml.MappingNode):
            self._fail("the file holds no keys and values", "write lines such as key: value")
        value = self._build(node, ())
        if self.defects:
            raise ConfigError(*self.defects)
        assert isinstance(value, dict)  # noqa: S101 - a mapping node gives a mapping
        return value

    def line(self, key: Key) -> int:
        """The line of a key, or of the nearest key above it that the file has."""
        while key not in self.lines:
            key = key[:-1]
        return self.lines[key]

    def _compose(self, text: str) -> yaml.Node | None:
        try:
            return yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 0
            said = _said_by_yaml(error.problem or "")
            problem = f"this is no valid YAML: {said}" if said else "this is no valid YAML"
            self._fail(problem, "check indentation, quotes and colons", line)
        except yaml.YAMLError:
            self._fail("the file holds a character that YAML does not allow", "save it as plain text in UTF-8", 0)
        except RecursionError:
            self._fail("the file is nested too deeply", "check brackets and indentation", 0)

    def _fail(self, problem: str, fix: str, line: int = 1) -> NoReturn:
        raise ConfigError(Defect(self.name, line, "", problem, fix))

    def _build(self, node: yaml.Node, key: Key) -> Any:
        self._values += 1
        line = node.start_mark.line + 1
        self.lines.setdefault(key, line)
        if self._values > MAX_VALUES or len(key) > MAX_DEPTH:
            self._fail("the file is nested too deeply or holds too much", "check brackets, anchors and aliases", line)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, key)
        if isinstance(node, yaml.SequenceNode):
            return [self._build(item, (*key, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, key)

    def _scalar(self, node: yaml.Node, key: Key) -> Any:
        try:
            value = self._constructor.construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError):
            self._report(key, "YAML cannot read this value", "put it in quotes")
            return ""
        if value is None:
            self._report(key, "null is no value", "write a value, or leave the key out for its default")
        return value

    def _mapping(self, node: yaml.MappingNode, key: Key) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            name = key_node.value if isinstance(key_node.value, str) else "?"
            inner = (*key, name)
            self.lines[inner] = key_node.start_mark.line + 1
            if name in built:
                self._report(inner, "the key stands twice", "keep one of them")
                continue
            built[name] = self._build(value_node, inner)
        return built

    def _report(self, key: Key, problem: str, fix: str) -> None:
        self.defects.append(Defect(self.name, self.line(key), dotted(key), problem, fix))

    def defect(self, detail: ErrorDetails, model: type[BaseModel]) -> Defect:
        """A validation error in the words of the person who must fix it."""
        key = tuple(part for part in detail["loc"] if part != "[key]")
        error = detail.get("ctx", {}).get("error")
        if isinstance(error, InvalidError):
            key = (*key, *error.key)
            problem, fix = str(error), error.fix
        else:
            problem, fix = _said_of(detail["type"], key, "[key]" in detail["loc"][-1:], model)
        place = dotted(key)
        if detail["type"] == "extra_forbidden" and not fix.startswith(_WRITE):
            # What is like no key of ours may be anything.
            place = ".".join(filter(None, (dotted(key[:-1]), _length_of(str(key[-1])))))
        return Defect(self.name, self.line(key), place, problem.rstrip("."), fix.rstrip("."))


_OF_YAML: Final = {
    "expected": "a comma or a closing bracket is missing",
    "expected <block end>": "the indentation does not go with the lines above",
    "expected the node content": "a value is missing, or begins with a character that must be in quotes",
    "expected alphabetic or numeric character": "text that begins with * or & must be in quotes",
    "could not find expected": "a colon is missing, or text over several lines has no quotes",
    "found character": "a value begins with a character that must be in quotes, or a line with a tab",
}
"""What is left of some of the library's messages when what they quote is cut off, in whole sentences."""


def _said_by_yaml(problem: str) -> str:
    """What YAML's parser says, without what it may quote of the file: an alias, a tag, a character."""
    words, *quoted = re.split(r"['\"`]", problem, maxsplit=1)
    said = re.sub(r",? but (?:found|got)\b.*", "", words).strip().rstrip(",:(")
    return _OF_YAML.get(said, said if not quoted or len(said.split()) > 2 else "")


def _said_of(kind: str, key: Key, is_key: bool, model: type[BaseModel]) -> tuple[str, str]:
    """What is wrong with a value and what to do, from the kind of error and what the model documents."""
    around, option = _options_at(model.model_json_schema(), key)
    doc = " ".join(option.get("description", "").split())
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(key[-1]), around, n=1)
        return "there is no such key", f"{_WRITE}{near[0]}" if near else f"remove it; there are {_listed(around)} here"
    if kind == "missing":
        return "the key is missing", f"add {key[-1]}: {doc}"
    if is_key:
        return "the key is not of the form that is expected here", f"{_WRITE}another: {doc}"
    if kind == "string_pattern_mismatch":
        return "the text is too long or has characters that are not allowed here", f"{_example(option, key)}{doc}"
    problem = f"expected {_expected(option)}"
    words = option.get("enum", ())
    if any(word in _READ_AS_BOOL for word in words):
        # YAML reads the word off as false, so what was written is not what is read.
        return problem, " or ".join(
            f'"{word}"' if word in _READ_AS_BOOL else str(word) for word in words
        ) + ": so written"
    if option.get("type") == "string" and kind == "string_type":
        return problem, f"write text, in quotes if YAML would read it as a number or a date: {doc}"
    return problem, f"{_example(option, key)}{doc}"


def _example(option: dict[str, Any], key: Key) -> str:
    """A line that could stand there, for a fix; "" if none can be told from the schema."""
    kind = option.get("type")
    name = next((shown(part) for part in reversed(key) if isinstance(part, str)), "")
    if kind == "object" or "properties" in option:
        return f"{_WRITE}its keys below it, indented, each as key: value. "
    if kind == "array":
        return f"{_WRITE}{name}: [...] or lines that begin with a dash. "
    value = option.get("default", next(iter(option.get("enum", ())), option.get("const")))
    if value is None:
        value = option.get("minimum", option.get("maximum"))
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return f"{_WRITE}{name}: true or {name}: false. "
    value = f'"{value}"' if value in _READ_AS_BOOL else value
    line = value if isinstance(key[-1], int) else f"{name}: {value}"
    return f"for example, {_WRITE}{line}. "


def _options_at(schema: dict[str, Any], key: Key) -> tuple[list[str], dict[str, Any]]:
    """The keys that are known beside a key, and the JSON Schema of its value."""
    around: list[str] = []
    option = schema
    for part in key:
        inside = _resolved(option, schema)
        around = list(inside.get("properties", ()))
        if isinstance(part, int):
            option = inside.get("items", {})
        else:
            option = inside.get("properties", {}).get(part) or inside.get("additionalProperties") or {}
        if not isinstance(option, dict):
            option = {}
        # What the value of a list or a map must be is documented at the list or the map.
        option = {"description": inside.get("description", ""), **_resolved(option, schema)}
    return around, option


def _resolved(option: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """An option's schema with its reference followed, and without the null that stands for leaving it out."""
    for choice in option.get("anyOf", ()):
        if choice.get("type") != "null":
            option = {**choice, **{name: value for name, value in option.items() if name != "anyOf"}}
            break
    reference = option.get("$ref", "").rpartition("/")[2]
    return {**schema["$defs"][reference], **option} if reference else option


def _expected(option: dict[str, Any]) -> str:
    """What a schema asks for, in words: ``a whole number from 1 to 65536``."""
    if "const" in option or "enum" in option:
        words = [str(word) for word in option.get("enum", [option.get("const")])]
        return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
    kind = option.get("type")
    if kind in ("integer", "number"):
        return ("a whole number" if kind == "integer" else "a number") + _range(option)
    if kind == "array":
        least, most = option.get("minItems", 0), option.get("maxItems")
        if most is not None:
            return f"a list of {most}" if least == most else f"a list of {least} to {most}"
        return f"a list of {least} or more" if least else "a list"
    if kind == "object":
        return _expected_keys(option)
    return {"boolean": "true or false", "string": "text"}.get(str(kind), "another value")


def _expected_keys(option: dict[str, Any]) -> str:
    names = list(option.get("properties", ()))
    if names:
        return f"keys and values ({', '.join(names)})"
    return "one or more keys and values" if option.get("minProperties") else "keys and values"


def _range(option: dict[str, Any]) -> str:
    least, above = option.get("minimum"), option.get("exclusiveMinimum")
    most, below = option.get("maximum"), option.get("exclusiveMaximum")
    if least is not None and most is not None:
        return f" from {least} to {most}"
    low = f"from {least}" if least is not None else f"above {above}" if above is not None else ""
    high = f"up to {most}" if most is not None else f"below {below}" if below is not None else ""
    said = ", ".join(filter(None, (low, high)))
    return f" {said}" if said else ""


def _listed(names: Collection[str]) -> str:
    return ", ".join(names) or "no keys"
