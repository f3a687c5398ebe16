"""YAML files read strictly: every defect with its file, line, key and fix.

A typo in a configuration must not silently switch a protection off. So an unknown key, a duplicate key, a null or a
wrong type is an error, and all errors of a file are reported at once. YAML's own loader forgets where a value stood;
here the node tree is walked, so that each defect can name its line.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from veilog_filters.errors import ConfigError, Defect

Key = tuple[str | int, ...]
ModelT = TypeVar("ModelT", bound=BaseModel)


class InvalidError(ValueError):
    """What a model's own check found wrong, for rules that span several keys.

    Args:
        problem: what was found and what was expected.
        fix: what to write instead.
        key: the key at fault, below the model that checks.
    """

    def __init__(self, problem: str, fix: str, *key: str) -> None:
        super().__init__(problem)
        self.fix = fix
        self.key = key


class Strict(BaseModel):
    """Base of every model that is read from a file: frozen, no unknown keys, no conversion of types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


def load(path: str | Path, model: type[ModelT]) -> ModelT:
    """Read a YAML file into a model.

    Raises:
        ConfigError: the file cannot be read, is no YAML, or does not fit the model.
    """
    name = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or "it cannot be read").lower()
        raise ConfigError(Defect(name, 0, "", f"cannot read the file: {reason}", "name a readable file")) from None
    except UnicodeDecodeError:
        raise ConfigError(Defect(name, 0, "", "the file is not UTF-8", "save it as UTF-8")) from None
    return parse(text, name, model)


def parse(text: str, name: str, model: type[ModelT]) -> ModelT:
    """Read YAML text into a model; ``name`` is what errors call the file. Raises as ``load``."""
    reader = _Reader(name)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        problem = f"this is no valid YAML: {error.problem}"
        raise ConfigError(Defect(name, line, "", problem, "check indentation, quotes and colons")) from None
    if node is not None and not isinstance(node, yaml.MappingNode):
        raise ConfigError(Defect(name, 1, "", "the file holds no keys and values", "write lines such as key: value"))
    value = reader.build(node, ()) if node is not None else {}
    if reader.defects:
        raise ConfigError(*reader.defects)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise ConfigError(*(reader.defect(detail, model) for detail in error.errors())) from None


class _Reader:
    """Builds plain values from YAML nodes and remembers the line of each key."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[Key, int] = {(): 1}
        self.defects: list[Defect] = []
        self._constructor = yaml.SafeLoader("")

    def build(self, node: yaml.Node, key: Key) -> Any:
        self.lines.setdefault(key, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, key)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*key, index)) for index, item in enumerate(node.value)]
        value = self._constructor.construct_object(node)
        if value is None:
            self._report(key, "null is no value", "write a value, or leave the key out for its default")
        return value

    def _mapping(self, node: yaml.MappingNode, key: Key) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            name = key_node.value if isinstance(key_node.value, str) else "?"
            inner = (*key, name)
            if name in built:
                self.lines[inner] = key_node.start_mark.line + 1
                self._report(inner, "the key stands twice", "keep one of them")
                continue
            self.lines[inner] = key_node.start_mark.line + 1
            built[name] = self.build(value_node, inner)
        return built

    def _report(self, key: Key, problem: str, fix: str) -> None:
        self.defects.append(Defect(self.name, self.line(key), dotted(key), problem, fix))

    def line(self, key: Key) -> int:
        """The line of a key, or of the nearest key above it that the file has."""
        while key not in self.lines:
            key = key[:-1]
        return self.lines[key]

    def defect(self, detail: ErrorDetails, model: type[BaseModel]) -> Defect:
        """A validation error in the words of the person who must fix it."""
        key = tuple(part for part in detail["loc"] if part != "[key]")
        kind = detail["type"]
        error = detail.get("ctx", {}).get("error")
        if isinstance(error, InvalidError):
            key = (*key, *error.key)
            return Defect(self.name, self.line(key), dotted(key), str(error), error.fix)
        fields, field_doc = _describe(model, key)
        if kind == "extra_forbidden":
            close = difflib.get_close_matches(str(key[-1]), fields, n=1)
            problem = "there is no such key"
            fix = f"write {close[0]}" if close else f"remove it; there are {', '.join(fields) or 'no keys'} here"
        elif kind == "missing":
            problem, fix = "the key is missing", f"add {key[-1]}: {field_doc}"
        else:
            problem = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
            problem = problem[:1].lower() + problem[1:]
            fix = field_doc
        return Defect(self.name, self.line(key), dotted(key), problem.rstrip("."), fix.rstrip("."))


def dotted(key: Key) -> str:
    """``("a", 0, "b")`` as ``a[0].b``."""
    out = ""
    for part in key:
        out += f"[{part}]" if isinstance(part, int) else f".{part}" if out else str(part)
    return out


def _describe(model: type[BaseModel], key: Key) -> tuple[list[str], str]:
    """The keys that are known beside ``key``, and what is documented for ``key`` itself."""
    fields: list[str] = []
    doc = ""
    current: Any = model
    for part in key:
        if isinstance(part, int) or not (isinstance(current, type) and issubclass(current, BaseModel)):
            current = _model_within(current)
            continue
        fields = list(current.model_fields)
        field = current.model_fields.get(part)
        if field is None:
            break
        doc = " ".join((field.description or "").split())
        current = _model_within(field.annotation)
    return fields, doc


def _model_within(annotation: Any) -> Any:
    """The model inside an annotation such as ``list[Model]`` or ``Model | None``, if there is one."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation
    if get_origin(annotation) is Literal:
        return annotation
    for argument in reversed(get_args(annotation)):
        inner = _model_within(argument)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return inner
    return annotation
