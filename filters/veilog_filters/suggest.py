"""``veilog suggest``: what the records look like that no parser recognizes, and how to map them.

For a person on the host. It shows key paths with types and lengths, no values; keys are content of records too, which
is why this is printed for a person and never leaves in an event. The page is YAML: what is said stands in comments, and
the ``mapped`` entries below can be pasted, or the page be used as a configuration as it is.

A field is guessed by the last keys of its path and the type of its values. A guess may be wrong, so the entry is to be
read before it is used; a wrong one can't leak, since what a mapping names is cleaned like everything else.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import yaml

from veilog_filters import plugins
from veilog_filters.config import Config
from veilog_filters.errors import ConfigError
from veilog_filters.fingerprint import Fingerprinter, load_key
from veilog_filters.quarantine import DecodeFailure
from veilog_filters.record_shape import ITEM, MAX_KEY_CHARS, Path, key_paths, leaves, shape_hash, spelled
from veilog_parsers.errors import RecordError
from veilog_parsers.event import AuditEvent, SensitiveTree
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.record.times import parse_time
from veilog_parsers.registry import OTHER, ParseFailure, Registry

MAX_SHAPES: Final = 1000
"""Shapes that are told apart; further ones are counted together."""
MAX_PRINTED_SHAPES: Final = 50
MAX_PATHS: Final = 1000
MAX_PRINTED_PATHS: Final = 200
MAX_CONDITIONS: Final = 3
"""Most keys that an entry asks for in ``when``."""
_UNKEYED: Final = bytes(32)


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


@dataclasses.dataclass(slots=True)
class Seen:
    """What the values at one path were.

    Attributes:
        types: how many values of each type.
        least: the shortest length, in characters of text or items of an array.
        most: the longest.
        times: whether all were times.
        texts: how many texts had white space inside: prose, not a name.
    """

    types: Counter[str] = dataclasses.field(default_factory=Counter)
    least: int = -1
    most: int = 0
    times: bool = True
    texts: int = 0

    def add(self, value: Any) -> None:
        """Another value."""
        self.types[_type_of(value)] += 1
        self.times = self.times and parse_time(value) is not None
        if isinstance(value, str):
            self.least = len(value) if self.least < 0 else min(self.least, len(value))
            self.most = max(self.most, len(value))
            self.texts += len(value.split(None, 3)) > 2

    def said(self) -> str:
        """Types and lengths."""
        names = ", ".join(name for name, _ in self.types.most_common())
        if "text" not in self.types:
            return names
        return (
            f"{names}, {self.least}..{self.most} characters"
            if self.least < self.most
            else f"{names}, {_many(self.most, 'character')}"
        )

    def only(self, *types: str) -> bool:
        """Whether all values were of some types."""
        return not self.types.keys() - set(types)


@dataclasses.dataclass(slots=True)
class Shape:
    """Records with the same key paths.

    Attributes:
        paths: their key paths, spelled.
        records: how many there were.
        seen: what was at each path.
    """

    paths: list[str]
    records: int = 0
    seen: dict[Path, Seen] = dataclasses.field(default_factory=dict)

    def add(self, tree: dict[str, Any]) -> None:
        """Another record."""
        self.records += 1
        for path, value in leaves(tree):
            seen = self.seen.get(path)
            if seen is None:
                if len(self.seen) >= MAX_PATHS:
                    continue
                seen = self.seen[path] = Seen()
            seen.add(value)


def _type_of(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true/false"
    if isinstance(value, int | float):
        return "whole number" if isinstance(value, int) else "number"
    if isinstance(value, str):
        return "text"
    return "array" if isinstance(value, list) else "object"


class Suggestions:
    """Gathers shapes.

    Args:
        config: the configuration; what it maps is recognized.
        config_path: its file.

    Attributes:
        fingerprinter: makes the hashes of shapes; under a key of null bytes, and never shown, if there is no key.
    """

    def __init__(self, config: Config, config_path: str | None) -> None:
        sources = config.sources()
        self._registry = Registry(sources, "" if config.source == "auto" else config.source)
        self._taken = {source.name for source in sources} | set(plugins.names("sources"))
        self._why_no_hash = ""
        try:
            self.fingerprinter = Fingerprinter(*load_key(config.hash_key, "hash_key", config_path or "configuration"))
        except ConfigError:
            self.fingerprinter = Fingerprinter(_UNKEYED, "")
            self._why_no_hash = "needs the hash key"
        self._shapes: dict[tuple[str, ...], Shape] = {}
        self._records = 0
        self._recognized = 0
        self._further = 0
        self._unreadable: Counter[str] = Counter()

    def add(self, record: RawRecord | DecodeFailure) -> None:
        """Look at a record."""
        self._records += 1
        if isinstance(record, DecodeFailure):
            self._unreadable[str(record.error_type)] += 1
            return
        try:
            for parsed in self._registry.parse(record):
                self._add_event(parsed)
        except RecordError as error:
            self._unreadable[str(error.error_type)] += 1

    def _add_event(self, parsed: AuditEvent | ParseFailure) -> None:
        if isinstance(parsed, ParseFailure):
            self._unreadable[str(parsed.error_type)] += 1
        elif parsed.source != OTHER or not isinstance(parsed.unmapped, SensitiveTree):
            self._recognized += 1
        else:
            tree = parsed.unmapped.reveal()
            paths = key_paths(tree, MAX_PATHS)
            shape = self._shapes.get(tuple(paths))
            if shape is None:
                if len(self._shapes) >= MAX_SHAPES:
                    self._further += 1
                    return
                shape = self._shapes[tuple(paths)] = Shape(paths)
            shape.add(tree)

    def page(self) -> str:
        """What to print."""
        shapes = sorted(self._shapes.values(), key=lambda shape: -shape.records)
        out = [self._head(shapes)]
        entries: list[dict[str, Any]] = []
        for number, shape in enumerate(shapes[:MAX_PRINTED_SHAPES], 1):
            out.append(self._shape(number, shape))
            out += self._entry(shape, entries)
        if len(shapes) > MAX_PRINTED_SHAPES:
            further = len(shapes) - MAX_PRINTED_SHAPES
            out.append(f"# {_many(further, 'further shape')} {'is' if further == 1 else 'are'} not shown.")
        if entries:
            out.append("# Read it before you use it: what a field is was guessed from its key and type.")
            out.append(yaml.safe_dump({"mapped": entries}, sort_keys=False, width=100).rstrip("\n"))
        return "\n".join(out) + "\n"

    def _head(self, shapes: Sequence[Shape]) -> str:
        unrecognized = sum(shape.records for shape in shapes) + self._further
        lines = [
            f"# {_many(self._records, 'record')} read: {_many(self._recognized, 'event')} recognized, "
            f"{unrecognized:,} not, of {_many(len(shapes), 'shape')}."
        ]
        if self._unreadable:
            reasons = ", ".join(f"{number:,} {reason}" for reason, number in sorted(self._unreadable.items()))
            lines.append(f"# {self._unreadable.total():,} could not be read: {reasons}.")
        if self._further:
            has = "has a shape" if self._further == 1 else "have shapes"
            lines.append(f"# {_many(self._further, 'record')} {has} beyond the first {MAX_SHAPES:,}.")
        return "\n".join(lines)

    def _shape(self, number: int, shape: Shape) -> str:
        digest = self._why_no_hash or shape_hash(shape.paths, self.fingerprinter)
        lines = ["#", f"# Shape {number}: {_many(shape.records, 'record')}, record_shape {digest}"]
        by_name = sorted((spelled(path), seen) for path, seen in shape.seen.items()) if shape.seen else []
        lines += [f"#   {escaped(name)}: {seen.said()}" for name, seen in by_name[:MAX_PRINTED_PATHS]]
        if len(by_name) > MAX_PRINTED_PATHS:
            lines.append(f"#   and {len(by_name) - MAX_PRINTED_PATHS:,} more")
        return "\n".join(lines)

    def _entry(self, shape: Shape, entries: list[dict[str, Any]]) -> list[str]:
        """Add an entry for a shape, or say why there is none."""
        fields = guessed(shape)
        if not fields:
            return ["# No key looks like one of an AI log. To map it by hand, see `mapped` in conf/veilog.yaml."]
        when = _conditions(fields, shape)
        for entry in entries:
            if entry["when"] == when and entry["fields"] == fields:
                return [f"# Read by the entry {entry['name']} below."]
        name = f"my_log_{len(entries) + 1}"
        while name in self._taken:
            name += "_"
        entries.append({"name": name, "when": when, "fields": fields})
        return [f"# Read by the entry {name} below."]


def escaped(name: str) -> str:
    """A key path for a terminal and a comment: nothing that moves a cursor, breaks a line or hides."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "backslashreplace").decode()
        for character in name
    )


# What a path's last key, without case and punctuation, is taken for. The order of targets is that of precedence.
_NAMES: Final[dict[str, str]] = {
    "prompt": "prompt prompts userprompt prompttext inputtext userinput usermessage question query userquery input"
    " instruction instructions userquestion ask",
    "response": "response responsetext answer completion output outputtext reply generatedtext generation"
    " modelresponse modeloutput assistantmessage completiontext result",
    "system": "system systemprompt systemmessage systeminstruction systeminstructions",
    "model_name": "model modelname modelid llm llmmodel deployment deploymentname engine requestmodel",
    "model_version": "modelversion responsemodel",
    "timestamp": "timestamp time ts datetime date createdat created starttime eventtime loggedat requesttime at",
    "user_id": "userid user uid username useremail email actor principal caller subject employeeid userprincipalname",
    "user_name": "displayname fullname",
    "tenant_id": "tenantid tenant orgid organizationid organization accountid",
    "session_id": "sessionid session",
    "conversation_id": "conversationid conversation threadid chatid dialogid",
    "client_ip": "clientip ip ipaddress remoteaddr remoteip sourceip sourceipaddress xforwardedfor",
    "user_agent": "useragent",
    "provider": "provider modelprovider vendor",
    "api_operation": "operation operationname action method rpc",
    "endpoint": "endpoint url path uri requestpath route",
    "request_id": "requestid reqid correlationid traceid messageid eventid id",
    "input_tokens": "inputtokens prompttokens tokensin inputtokencount prompttokencount",
    "output_tokens": "outputtokens completiontokens tokensout outputtokencount completiontokencount",
    "token_count": "tokens totaltokens tokencount totaltokencount",
    "latency_ms": "latencyms latency durationms duration tookms elapsedms responsetimems",
    "http_status": "httpstatus status statuscode httpstatuscode responsestatus",
    "error_code": "errorcode errortype",
}
_PUNCTUATION: Final = re.compile(r"[\W_]+")
_TARGETS: Final[dict[str, list[str]]] = {target: names.split() for target, names in _NAMES.items()}
_SAY_NOTHING: Final = frozenset(["text", "content", "value", "body", "message", "data", "string", "raw"])
_PROSE: Final = ("prompt", "response", "system")
_COUNTS: Final = ("input_tokens", "output_tokens", "token_count")
_TELLING: Final = (*_PROSE, "request_body", "response_body", "model_name", *_COUNTS)
"""Without one of these a record is no AI log, as far as one can tell."""


def _is_text(seen: Seen) -> bool:
    return seen.only("text", "null") and seen.most > 0


def _is_name(seen: Seen) -> bool:
    return seen.only("text", "whole number", "null") and not seen.texts and seen.most <= 512


def _is_count(seen: Seen) -> bool:
    return seen.only("whole number", "null")


def _is_number(seen: Seen) -> bool:
    return seen.only("whole number", "number", "null")


def _is_time(seen: Seen) -> bool:
    return seen.times


_FITS: Final[dict[str, Callable[[Seen], bool]]] = {
    **dict.fromkeys(_TARGETS, _is_name),
    **dict.fromkeys((*_PROSE, "user_agent", "user_name"), _is_text),
    **dict.fromkeys((*_COUNTS, "http_status"), _is_count),
    "latency_ms": _is_number,
    "timestamp": _is_time,
}


def guessed(shape: Shape) -> dict[str, str]:
    """Targets of a mapping and the paths that are taken for them; none if it is no AI log, as far as one can tell."""
    found = _bodies(shape)
    used = {path for body in found.values() for path in shape.seen if path[: len(body)] == body}
    for target, names in _TARGETS.items():
        path = _best(shape, names, _FITS[target], used, lists=target in _PROSE)
        if path is not None:
            found[target] = path
            used.add(path)
    if not any(target in _TELLING for target in found):
        return {}
    return {target: spelled(_stem(path)) for target, path in found.items()}


def _bodies(shape: Shape) -> dict[str, Path]:
    """Whole bodies of providers: objects that hold ``messages`` or ``choices``."""
    found: dict[str, Path] = {}
    for path in shape.seen:
        for target, key in (("request_body", "messages"), ("response_body", "choices")):
            at = path.index(key) if key in path else 0
            if at and target not in found and ITEM in path[at + 1 : at + 2] and _can_be_named(path[:at]):
                found[target] = path[:at]
    return found


def _best(
    shape: Shape, names: Sequence[str], fits: Callable[[Seen], bool], used: Iterable[Path], *, lists: bool
) -> Path | None:
    """The path whose last key is the most telling one, the shallowest of several."""
    best: tuple[int, int, str] | None = None
    chosen: Path | None = None
    for path, seen in shape.seen.items():
        stem = _stem(path) if lists else path
        if path in used or not _can_be_named(stem) or not fits(seen):
            continue
        key = _telling_key(stem)
        if key not in names:
            continue
        rank = (names.index(key), len(stem), spelled(stem))
        if best is None or rank < best:
            best, chosen = rank, path
    return chosen


def _telling_key(path: Path) -> str:
    """The last key that says something, without case and punctuation: of ``answer.text`` that is ``answer``."""
    keys = [_PUNCTUATION.sub("", key).casefold() for key in path]
    while len(keys) > 1 and keys[-1] in _SAY_NOTHING:
        keys.pop()
    return keys[-1]


def _stem(path: Path) -> Path:
    """The path of an array that a path names the items of."""
    return path[:-1] if path and path[-1] is ITEM else path


def _can_be_named(path: Path) -> bool:
    """Whether a mapping can name a path: through objects alone, by keys that are whole."""
    return bool(path) and all(key and key is not ITEM and len(key) < MAX_KEY_CHARS and "\\" not in key for key in path)


def _conditions(fields: dict[str, str], shape: Shape) -> dict[str, str]:
    """What a record must have for an entry to be its own: the paths that tell most, whatever is there."""
    always = {
        spelled(_stem(path))
        for path, seen in shape.seen.items()
        if "null" not in seen.types and _can_be_named(_stem(path))
    }
    order = [fields[target] for target in (*_TELLING, *fields) if target in fields]
    bodies = {fields[target] for target in ("request_body", "response_body") if target in fields}
    wanted = [path for path in dict.fromkeys(order) if path in always or path in bodies] or order
    return dict.fromkeys(wanted[:MAX_CONDITIONS], "*")
