"""The prose oracle: records of every shape with sentences planted in them, and what of those sentences leaves.

A record is made from a number and a seed, step by step: a base (a sample, a provider's body, random JSON), sentences in
its leaves and keys, changes of names and types, damage, a wrapping. Its recipe says which steps; seed and number make
the same record again.
"""

from __future__ import annotations

import base64
import functools
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import orjson

from veilog_filters.detect.api import Finding
from veilog_filters.framing import JsonLines, write_json
from veilog_filters.pipeline import Pipeline
from veilog_filters.prove.bodies import REQUESTS, RESPONSES
from veilog_filters.prove.samples import DECIDING, opened, sample_lines
from veilog_filters.prove.spellings import SCRAMBLED, SPELLINGS, VOCABULARIES, Finder, Sentence, sentence

Steps = tuple[str | int, ...]
MAX_PLANTS: Final = 24
"""Most sentences in one record."""
MAX_LOCATED: Final = 3
"""For so many of a record's leaks the field is looked for: it takes long."""


class Planted(NamedTuple):
    """A sentence in a record.

    Attributes:
        sentence: which.
        spelling: how it is written.
        place: the path of the leaf or key that it is in.
    """

    sentence: Sentence
    spelling: str
    place: str


class Record(NamedTuple):
    """A record with sentences in it.

    Attributes:
        line: the record as a transport gets it; never with a newline in it.
        planted: the sentences that must not leave.
        base: what it was made from.
        shape: what was done to it: changes, damage and wrapping.
        recipe: all of that, with seed and number.
    """

    line: bytes
    planted: list[Planted]
    base: str
    shape: tuple[str, str, str]
    recipe: str


# Bases.

_KEYS: Final = (
    *("prompt", "question", "query", "user_input", "text", "content", "message", "body", "q", "ask", "instruction"),
    *("completion", "answer", "reply", "output", "response", "result", "data", "payload", "value", "note", "title"),
    *(
        "description",
        "args",
        "params",
        "name",
        "label",
        "reason",
        "error",
        "status",
        "model",
        "user",
        "id",
        "type",
        "url",
    ),
    *("path", "tags", "events", "records", "messages", "input", "session", "source", "event", "attributes", "metadata"),
)
_VALUES: Final[tuple[Any, ...]] = (
    1,
    0,
    -3.5,
    "x",
    "",
    None,
    True,
    "gpt-4o",
    "ok",
    1_740_994_863,
    "2026-01-01T00:00:00Z",
    [],
    {},
)


def _tree(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.random()
    if depth > 4 or (kind < 0.3 and depth):
        return chance.choice(("x", "y z", *_VALUES)) if chance.random() < 0.4 else "x"
    if kind < 0.8 or not depth:
        return {chance.choice(_KEYS): _tree(chance, depth + 1) for _ in range(chance.randint(1, 4))}
    return [_tree(chance, depth + 1) for _ in range(chance.randint(1, 3))]


@functools.cache
def _sample_values() -> list[tuple[str, bytes]]:
    return [(name, line) for name, line in sample_lines() if len(line) < 20_000]


def _sample(chance: random.Random, number: int) -> tuple[str, Any]:
    everything = _sample_values()
    # Each in turn: a hundred records have seen a hundred samples.
    name, line = everything[(number * 7919 + chance.randrange(2)) % len(everything)]
    return f"sample {name}", orjson.loads(line)


def _text_of(value: Any) -> str:
    return orjson.dumps(value).decode()


def _base64_of(value: Any) -> str:
    return base64.b64encode(orjson.dumps(value)).decode()


_PAIRINGS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "request alone": lambda request, response: request,
    "response alone": lambda request, response: response,
    "request and response": lambda request, response: {
        "request": request,
        "response": response,
        "user": "u",
        "time": 1,
    },
    "bodies as texts": lambda request, response: {
        "request_body": _text_of(request),
        "response_body": _text_of(response),
        "model": "m",
    },
    "bodies by other names": lambda request, response: {
        "requestBody": _text_of(request),
        "responseBody": response,
        "uri": "/v1/chat/completions",
    },
    "input and output": lambda request, response: {"input": request, "output": response, "modelId": "m"},
    "half of the names": lambda request, response: {
        "request": {"body": request, "headers": {"user-agent": "x"}},
        "response": {"body": response, "status": 200},
    },
    "bodies in base64": lambda request, response: {
        "request": {"body": _base64_of(request)},
        "response": {"body": _base64_of(response)},
    },
    "response streamed": lambda request, response: {
        "request": request,
        "response": f"data: {_text_of(response)}\n\ndata: [DONE]\n\n",
    },
    "merged": lambda request, response: request | response,
    "in a list": lambda request, response: {"messages": [request, response]},
}


def _body(chance: random.Random, number: int) -> tuple[str, Any]:
    name = list(REQUESTS)[number % len(REQUESTS)]
    answer = name if name in RESPONSES and chance.random() < 0.7 else chance.choice(list(RESPONSES))
    pairing = chance.choice(list(_PAIRINGS))
    value = _PAIRINGS[pairing](REQUESTS[name], RESPONSES[answer])
    return f"body {pairing}: {name}, {answer}", orjson.loads(orjson.dumps(value))


def _word_by_word(chance: random.Random) -> tuple[str, Any, list[Planted]]:
    """A model's answer with a sentence in it that has no place of its own: a word here, a word there."""
    planted = sentence(chance, chance.choice(VOCABULARIES))
    request = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]}
    calls = [{"id": str(at), "type": "function", "function": {"name": word}} for at, word in enumerate(planted.words)]
    ways: dict[str, Any] = {
        "finish reasons": {"choices": [{"finish_reason": word, "text": "x"} for word in planted.words]},
        "tools": {"choices": [{"message": {"content": None, "tool_calls": calls}, "finish_reason": "stop"}]},
        "ids of tools": {"choices": [{"message": {"tool_calls": [{**call, "id": word} for call, word in zip(calls, planted.words, strict=True)]}}]},
        "content parts": {"choices": [{"message": {"content": [{"type": "text", "text": word} for word in planted.words]}}]},
        "chunks": "".join(f"data: {_text_of({'choices': [{'delta': {'content': word}}]})}\n\n" for word in planted.words),
        "chunks of a tool": "".join(f"data: {_text_of({'choices': [{'delta': {'tool_calls': [{'index': 0, 'function': {'name': word}}]}}]})}\n\n" for word in planted.words),
        "chunks of models": "".join(f"data: {_text_of({'model': word, 'choices': [{'delta': {'content': 'x'}}]})}\n\n" for word in planted.words),
        "events": {"Records": [{"message": word} for word in planted.words]},
    }  # fmt: skip
    way = chance.choice(list(ways))
    value = {"request": request, "response": ways[way], "time": 1_740_994_863}
    return f"body word by word, {way}", value, [Planted(planted, "word by word", way)]


def _base(chance: random.Random, number: int) -> tuple[str, Any]:
    kind = chance.random()
    if kind < 0.5:
        return _sample(chance, number)
    return _body(chance, number) if kind < 0.8 else ("random JSON", _tree(chance))


# Planting.


def _leaves(value: Any, steps: Steps = ()) -> Iterator[Steps]:
    """The steps to each leaf of any type, into JSON in strings too, and to each key (``"#key"`` behind it)."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*steps, key, "#key")
            yield from _leaves(item, (*steps, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, (*steps, index))
    else:
        yield steps
        inner = opened(value) if isinstance(value, str) else None
        if inner is not None:
            yield from _leaves(inner, (*steps, "#json"))


def _changed(value: Any, steps: Steps, change: Callable[[Any], Any]) -> Any:
    """The value with what is at ``steps`` changed; if a change before took that away, as it is."""
    if not steps:
        return change(value)
    step, rest = steps[0], steps[1:]
    if step == "#json":
        inner = opened(value) if isinstance(value, str) else None
        return value if inner is None else _text_of(_changed(inner, rest, change))
    if isinstance(value, dict) and step in value:
        if rest == ("#key",):
            return {(change(key) if key == step else key): item for key, item in value.items()}
        return value | {step: _changed(value[step], rest, change)}
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return [_changed(item, rest, change) if index == step else item for index, item in enumerate(value)]
    return value


def _decides(steps: Steps) -> bool:
    return any(step in DECIDING for step in steps[-2:])


DISGUISED: Final = "in the form of what was there"
"""A spelling of its own: the letters of a name are replaced by words, and all else of it is kept."""
_LETTERS: Final = re.compile(r"[^\W\d_]{2,}")


def _at(value: Any, steps: Steps) -> Any:
    for step in steps:
        if step == "#key":
            return None
        value = opened(value) if step == "#json" else value[step]
    return value


def _is_like_name(value: Any) -> bool:
    return isinstance(value, str) and 2 < len(value) < 200 and not any(char.isspace() for char in value)


def _disguised(name: str, words: list[str]) -> str:
    """``arn:aws:iam::123456789012:user/ann`` with its words replaced, and those left over behind it, joined its way."""
    left = list(words)
    # A query is cut off an endpoint: what stands before it would be a name of a few words by itself.
    name = re.split(r"[?#]", name)[0]
    said = _LETTERS.sub(lambda match: left.pop(0) if left else match[0], name)
    separators = re.findall(r"[^\w]|_", name) or ["-"]
    return said + "".join(separators[index % len(separators)] + word for index, word in enumerate(left))


def _put(chance: random.Random, text: str, planted: Sentence) -> Callable[[Any], Any]:
    """How a text gets into a leaf: instead of what is there, beside it, or as a value of another type."""

    def put(old: Any) -> Any:
        before = old if isinstance(old, str) else ""
        way = chance.random()
        if way < 0.5:
            return text
        if way < 0.62:
            return before + chance.choice(("", " ", "-", "/", ".", "?q=", "#", ":", "\n")) + text
        if way < 0.7:
            return text + chance.choice(("", " ", "-", "/", "@", "\n")) + before
        if way < 0.74:
            return before[: len(before) // 2] + text + before[len(before) // 2 :]
        return _other_type(chance, text, planted)

    return put


def _other_type(chance: random.Random, text: str, planted: Sentence) -> Any:
    ways: tuple[Callable[[], Any], ...] = (
        lambda: [text],
        lambda: {text: 1},
        lambda: {"text": text},
        lambda: [{"type": "text", "text": text}],
        lambda: {"a": [{"b": {"c": text}}]},
        lambda: list(planted.words),
        lambda: dict.fromkeys(planted.words, True),
        lambda: {str(index): word for index, word in enumerate(planted.words)},
        lambda: _text_of({"text": text}),
        lambda: _text_of([text]),
        lambda: _text_of(_text_of({"text": text})),
        lambda: [[text, 1], None],
    )
    return chance.choice(ways)()


class _Planter:
    """Plants sentences in one record."""

    def __init__(self, chance: random.Random, least: int) -> None:
        self._chance = chance
        self._least = least
        self.planted: list[Planted] = []

    def __call__(self, value: Any) -> Any:
        """The value with sentences in it."""
        chance = self._chance
        places = list(_leaves(value))
        names = [steps for steps in places if _is_like_name(_at(value, steps))]
        if not places:
            return value
        way = chance.random()
        if names and way < 0.3:
            chosen = chance.sample(names, min(len(names), 3))
        elif way < 0.6:
            # Few, so that the record stays what it is; or many, so that each place has its turn.
            chosen = chance.sample(places, min(len(places), 1 if way < 0.4 else 4))
        else:
            chosen = [steps for steps in places if steps[-1:] != ("#key",) and not _decides(steps)]
            keys = [steps for steps in places if steps[-1:] == ("#key",)]
            chosen = chance.sample(chosen, min(len(chosen), MAX_PLANTS)) + [chance.choice(keys)] * bool(keys)
        spelling = chance.choice(list(SPELLINGS))
        # Deepest first: what is planted in a container's key does not hide what is in it.
        for steps in sorted(chosen, key=lambda steps: (-len(steps), steps[-1:] == ("#key",))):
            if chance.random() < 0.5:
                spelling = chance.choice(list(SPELLINGS))
            disguised = steps in names and chance.random() < 0.3
            value = self._plant(value, steps, DISGUISED if disguised else spelling)
        return value

    def _plant(self, value: Any, steps: Steps, spelling: str) -> Any:
        chance = self._chance
        planted = sentence(chance, chance.choice(VOCABULARIES), self._least)
        self.planted.append(Planted(planted, spelling, ".".join(map(str, steps)) or "(top)"))
        if spelling == DISGUISED:
            return _changed(value, steps, lambda old: _disguised(str(old), planted.words))
        text = SPELLINGS[spelling](planted.words)
        if steps[-1:] != ("#key",):
            return _changed(value, steps, _put(chance, text, planted))
        ways: tuple[Callable[[Any], Any], ...] = (
            lambda key: text,
            lambda key: f"{key}{text}",
            lambda key: f"{key}.{text}",
            lambda key: f"{text}.{key}",
        )
        return _changed(value, steps, chance.choice(ways))


# Changes of names and types.


def _mutated(chance: random.Random, value: Any) -> tuple[str, Any]:
    way = chance.random()
    if way < 0.5:
        return "as it is", value
    places = list(_leaves(value))
    if not places:
        return "as it is", value
    steps = chance.choice(places)
    if way < 0.65:
        keys = [place for place in places if place[-1:] == ("#key",)]
        if keys:
            for place in chance.sample(keys, min(len(keys), 2)):
                value = _changed(
                    value, place, lambda key: chance.choice((str(key).upper(), f"x_{key}", chance.choice(_KEYS)))
                )
        return "renamed", value
    if way < 0.85 and steps[-1:] != ("#key",):
        parents = steps[: chance.randrange(len(steps))] if len(steps) > 1 and chance.random() < 0.6 else steps
        return "retyped", _changed(value, parents, lambda old: _retyped(chance, old))
    return "doubled", {"first": value, "second": [value]} if chance.random() < 0.5 else {
        **value,
        "again": value,
    } if isinstance(value, dict) else value


def _retyped(chance: random.Random, old: Any) -> Any:
    ways: tuple[Callable[[Any], Any], ...] = (
        lambda old: [old],
        lambda old: {"value": old},
        _text_of,
        str,
        lambda old: {"0": old, "1": None},
        lambda old: [old, 1, [old]],
        lambda old: list(old.values()) if isinstance(old, dict) else old,
        lambda old: {str(index): item for index, item in enumerate(old)} if isinstance(old, list) else {"text": old},
        lambda old: "\n".join(map(str, old)) if isinstance(old, list) else [[old]],
    )
    return chance.choice(ways)(old)


# Damage.


def _insert(chance: random.Random, text: str, what: str) -> str:
    at = chance.randrange(len(text) + 1)
    return text[:at] + what + text[at:]


def _in_string(text: str, what: str, chance: random.Random) -> str:
    """The text with ``what`` behind one of its opening quotes."""
    places = [
        index + 1
        for index, char in enumerate(text)
        if char == '"' and text[index - 1 : index] in (":", " ", "[", ",", "{")
    ]
    if not places:
        return text + what
    at = chance.choice(places)
    return text[:at] + what + text[at:]


def _middle_out(text: str, chance: random.Random) -> str:
    start = chance.randrange(len(text) // 2 + 1)
    return text[:start] + text[start + len(text) // 4 :]


_CUTS: Final = ("head", "tail", "middle cut out")
_DAMAGE: Final[dict[str, Callable[[str, random.Random], str]]] = {
    "head": lambda text, chance: text[: max(int(len(text) * chance.uniform(0.3, 0.98)), 1)],
    "tail": lambda text, chance: text[int(len(text) * chance.uniform(0.02, 0.7)) :],
    "middle cut out": _middle_out,
    "one bracket less": lambda text, chance: text[:-1],
    "lone surrogate": lambda text, chance: _in_string(text, "\\ud83d", chance),
    "reversed surrogates": lambda text, chance: _in_string(text, "\\udc00\\ud800", chance),
    "raw control character": lambda text, chance: _in_string(text, chance.choice("\x01\x08\t\x0c\x1f"), chance),
    "control characters around": lambda text, chance: f"\x01{text}\x00",
    "escaped control": lambda text, chance: _in_string(text, "\\u0000\\u001b", chance),
    "bad escape": lambda text, chance: _in_string(text, chance.choice(("\\x41", "\\q", "\\u12", "\\")), chance),
    "byte order mark": lambda text, chance: "\ufeff" + text,
    "no-break space before": lambda text, chance: "\u00a0" + text,
    "NaN": lambda text, chance: text.replace(":", ': NaN, "z":', 1),
    "infinity": lambda text, chance: text[:-1] + ', "z": -Infinity}',
    "number out of range": lambda text, chance: text[:-1] + ', "z": ' + chance.choice(("1e999", "9" * 400, "-0x1F", "01")) + "}",
    "two documents": lambda text, chance: text + chance.choice(("", " ", "\r", "\x1e", ",")) + text,
    "two halves": lambda text, chance: text + text[: len(text) // 2],
    "text before": lambda text, chance: chance.choice(("INFO gateway: ", "request=", "> ", "2026-01-01 00:00:00,1 DEBUG [x] body ", "b'")) + text,
    "text after": lambda text, chance: text + chance.choice((" done", "' took 3 ms", ";", "\\n", "}}", "...(truncated)")),
    "ANSI": lambda text, chance: f"\x1b[32m{text}\x1b[0m",
    "ANSI, escaped": lambda text, chance: f"\\u001b[32m{text}\\u001b[0m",
    "Python's repr": lambda text, chance: _repr_of(text),
    "JSON5": lambda text, chance: "// x\r" + text.replace('"', "'", 2)[:-1] + ",}",
    "trailing comma": lambda text, chance: text[:-1] + "," + text[-1:],
    "no quotes on keys": lambda text, chance: text.replace('{"', "{").replace('":', ":"),
    "typographic quotes": lambda text, chance: text.replace('"', "“", 1).replace('"', "”", 1),
    "quotes doubled": lambda text, chance: text.replace('"', '""'),
    "quotes escaped": lambda text, chance: text.replace("\\", "\\\\").replace('"', '\\"'),
    "duplicate keys": lambda text, chance: text[:-1] + "," + text[1:] if text[:1] == "{" and len(text) > 2 else text,
    "nested too deeply": lambda text, chance: '{"a":' * 300 + text + "}" * 300,
    "lists too deep": lambda text, chance: "[" * 1100 + text + "]" * 1100,
    "single bracket": lambda text, chance: _insert(chance, text, chance.choice("{}[]\",:\\")),
    "entities": lambda text, chance: text.replace("&", "&amp;").replace('"', "&quot;"),
    "percent": lambda text, chance: text.replace("%", "%25").replace('"', "%22").replace(" ", "%20"),
    "indented": lambda text, chance: text.replace(",", ",\r\n  "),
}  # fmt: skip
_BYTE_DAMAGE: Final[dict[str, Callable[[bytes, random.Random], bytes]]] = {
    "invalid UTF-8": lambda line, chance: line[: len(line) // 2] + b"\xff\xfe" + line[len(line) // 2 :],
    "cut in a character": lambda line, chance: line + "é".encode()[:1],
    "Latin-1": lambda line, chance: line.decode("utf-8", "replace").encode("latin-1", "replace"),
    "UTF-16": lambda line, chance: line.decode("utf-8", "replace").encode("utf-16-le").replace(b"\n", b"\x0b"),
}


def _repr_of(text: str) -> str:
    try:
        return repr(json.loads(text))
    except (ValueError, RecursionError):
        return text


# Wrappings: from the record's JSON text to a JSON value, or to a line that is none.

_TIME: Final = "2026-01-01T00:00:00.123456789Z"
_KUBERNETES: Final = {"pod_name": "gw-1", "namespace_name": "ai", "container_name": "gw", "labels": {"app": "gw"}}


_INNER: Final = "@inner@"
"""Stands in a wrapping where the record itself goes, not as text: as it is, with whatever is wrong with it."""


def _otlp(body: Any) -> Any:
    record = {
        "timeUnixNano": "1740994863000000000",
        "body": body,
        "attributes": [{"key": "event.name", "value": {"stringValue": "x"}}],
    }
    return {
        "resourceLogs": [
            {"resource": {"attributes": []}, "scopeLogs": [{"scope": {"name": "x"}, "logRecords": [record]}]}
        ]
    }


_WRAPPINGS: Final[dict[str, Callable[[str], Any]]] = {
    "bare": lambda text: _INNER,
    "log": lambda text: {"log": text, "stream": "stdout"},
    "message": lambda text: {"message": text, "level": "info"},
    "msg": lambda text: {"msg": text, "level": 30, "time": 1_740_994_863_000},
    "event": lambda text: {"event": text, "logger": "gateway", "timestamp": _TIME},
    "object in message": lambda text: {"message": _INNER, "level": "info", "logger": "x"},
    "body": lambda text: {"body": text, "headers": {}},
    "Docker": lambda text: {"log": text + "\n", "stream": "stderr", "time": _TIME},
    "CRI in log": lambda text: {"log": f"{_TIME} stdout F {text}"},
    "CRI, partial": lambda text: {"log": f"{_TIME} stdout P {text[: len(text) * 9 // 10]}"},
    "Kubernetes": lambda text: {"log": text, "kubernetes": _KUBERNETES, "stream": "stdout"},
    "merged by Kubernetes": lambda text: {"log_processed": _INNER, "log": text, "kubernetes": _KUBERNETES},
    "nested twice": lambda text: {"log": _text_of({"log": text, "stream": "stdout"})},
    "nested thrice": lambda text: {"message": _text_of({"msg": _text_of({"log": text})})},
    "jsonPayload": lambda text: {"jsonPayload": _INNER, "logName": "projects/p/logs/x", "resource": {"type": "k8s_container", "labels": {}}, "insertId": "i", "timestamp": _TIME},
    "textPayload": lambda text: {"textPayload": text, "logName": "projects/p/logs/x", "resource": {"type": "global"}},
    "protoPayload": lambda text: {"protoPayload": {"@type": "type.googleapis.com/google.cloud.audit.AuditLog", "request": _INNER, "serviceName": "x.googleapis.com"}},
    "Records": lambda text: {"Records": [_INNER, _INNER]},
    "records": lambda text: {"records": [_INNER]},
    "Azure diagnostics": lambda text: {"time": _TIME, "category": "AppServiceConsoleLogs", "resourceId": "/SUBSCRIPTIONS/0/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.WEB/SITES/S", "properties": text},
    "Azure, resultDescription": lambda text: {"records": [{"time": _TIME, "category": "AppServiceConsoleLogs", "resultDescription": text}]},
    "CloudWatch": lambda text: {"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "/g", "logStream": "s", "subscriptionFilters": ["f"], "logEvents": [{"id": "1", "timestamp": 1, "message": text}]},
    "Kinesis": lambda text: {"kinesis": {"data": base64.b64encode(text.encode("utf-8", "replace")).decode()}, "eventSource": "aws:kinesis"},
    "EventBridge": lambda text: {"version": "0", "id": "1", "detail-type": "x", "source": "aws.x", "detail": _INNER},
    "SQS": lambda text: {"messageId": "1", "body": text, "messageAttributes": {}, "eventSource": "aws:sqs"},
    "SNS": lambda text: {"Type": "Notification", "MessageId": "1", "Message": text, "Subject": "x"},
    "Pub/Sub": lambda text: {"message": {"data": base64.b64encode(text.encode("utf-8", "replace")).decode(), "messageId": "1"}, "subscription": "s"},
    "CloudTrail of another service": lambda text: {"eventVersion": "1.08", "eventSource": "s3.amazonaws.com", "eventName": "PutObject", "requestParameters": _INNER, "responseElements": None, "awsRegion": "eu-central-1"},
    "journald": lambda text: {"MESSAGE": text, "PRIORITY": "6", "SYSLOG_IDENTIFIER": "gw", "_SYSTEMD_UNIT": "gw.service"},
    "syslog": lambda text: {"message": f"<134>1 2026-01-01T00:00:00Z host gw 1 - - {text}", "host": "h"},
    "syslog, parsed": lambda text: {"pri": "134", "host": "h", "ident": "gw", "message": text},
    "rsyslog": lambda text: {"msg": f" {text}", "rawmsg": f"<134>gw: {text}", "programname": "gw", "syslogtag": "gw:"},
    "syslog line": lambda text: f"<134>Jan  1 00:00:00 host gw[1]: {text}",
    "CRI line": lambda text: f"{_TIME} stdout F {text}",
    "OTLP, text": lambda text: _otlp({"stringValue": text}),
    "OTLP, object": lambda text: _otlp({"kvlistValue": {"values": [{"key": "x", "value": {"stringValue": text}}]}}),
    "ECS": lambda text: {"@timestamp": _TIME, "message": text, "ecs.version": "8.11", "log.level": "info", "event": {"original": text}},
    "Splunk HEC": lambda text: {"event": _INNER, "sourcetype": "x", "host": "h", "fields": {"y": text[:40]}},
    "GELF": lambda text: {"version": "1.1", "host": "h", "short_message": text, "full_message": text, "_x": text},
    "Datadog": lambda text: {"ddsource": "x", "ddtags": "env:p", "service": "gw", "message": text},
    "SSE in response": lambda text: {"request": {"model": "m", "messages": []}, "response": f"event: x\ndata: {text}\n\n"},
    "SSE": lambda text: {"body": f"data: {text}\n\ndata: [DONE]\n"},
    "HTTP dump": lambda text: {"message": f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\r\n{text}"},
    "Python logging": lambda text: {"message": f"INFO:openai._base_client:Request options: {_repr_of(text)}"},
    "traceback": lambda text: {"message": f'Traceback (most recent call last):\n  File "x.py", line 1, in f\nValueError: bad body {text}'},
    "vLLM line": lambda text: {"log": f"INFO 01-01 00:00:00 [logger.py:43] Received request chatcmpl-1: prompt: {text!r}, params: SamplingParams(n=1), prompt_token_ids: [1]."},
    "llama.cpp line": lambda text: {"log": f"slot update_slots: id  0 | task 1 | prompt: {text}"},
    "access line": lambda text: {"log": f'127.0.0.1 - - [01/Jan/2026:00:00:00 +0000] "POST /v1/chat?q={text[:300]} HTTP/1.1" 200 5 "-" "{text[:100]}"'},
    "logfmt": lambda text: {"message": f"level=info msg={_text_of(text)} took=3ms"},
    "CSV": lambda text: {"message": '1,"' + text.replace('"', '""') + '",ok'},
    "XML": lambda text: {"message": f"<event><body><![CDATA[{text}]]></body></event>"},
    "Markdown": lambda text: {"message": f"```json\n{text}\n```"},
    "base64": lambda text: {"message": base64.b64encode(text.encode("utf-8", "replace")).decode()},
    "bare text": lambda text: text,
    "a string": _text_of,
    "a list": lambda text: [_INNER, 1, "x"],
    "list in data": lambda text: {"data": [[_INNER], text]},
    "lines in log": lambda text: {"log": text + "\n" + text + "\n"},
    "key": lambda text: {text: 1},
    "ECS, dotted": lambda text: {"@timestamp": _TIME, "event.original": text, "host.name": "h"},
    "Cribl": lambda text: {"_raw": text, "_time": 1_740_994_863.25, "host": "h", "source": "x"},
    "RawData": lambda text: {"TimeGenerated": _TIME, "RawData": text, "Computer": "h", "_ResourceId": "/subscriptions/s"},
    "CloudWatch Insights": lambda text: {"@timestamp": _TIME, "@message": text, "@logStream": "s"},
    "any key": lambda text: {"zebra": _INNER, "n": 1},
    "any key, a text": lambda text: {"n": 1, "zebra": {"stripes": text}},
    "any key, a list": lambda text: {"zebras": [_INNER, {"a": 1}, _INNER]},
    "syslog with data": lambda text: {"_raw": f'<134>1 {_TIME} host gw 1 ID [x@1 a="b"][y@1] {text}'},
    "logger": lambda text: {"zebra": f"2026-01-01 00:00:00,123 - app.calls - INFO - {text}"},
    "logfmt, bare": lambda text: {"log": f"level=info ts={_TIME} msg={text} took=3ms"},
    "syslog line with data": lambda text: f'<134>1 {_TIME} host gw 1 ID [x@1 a="b"] {text}',
}  # fmt: skip


def _line(value: Any, text: str, chance: random.Random) -> bytes:
    """A wrapping with the record in it, as a line; mostly the line that it is, if it is one."""
    if isinstance(value, str) and (value == _INNER or chance.random() < 0.9):
        line = text if value == _INNER else value
    else:
        line = json.dumps(value, ensure_ascii=chance.random() < 0.5).replace(f'"{_INNER}"', text)
    data = line.encode("utf-8", "surrogatepass")
    return data.replace(b"\r\n", b"\r").replace(b"\n", b"\r")


def make(seed: int, number: int) -> Record:
    """The record of that seed and number."""
    chance = random.Random(f"{seed} {number}")
    word_by_word = chance.random() < 0.04
    planted: list[Planted] = []
    if word_by_word:
        base, value, planted = _word_by_word(chance)
    else:
        base, value = _base(chance, number)
    damage = chance.choice(list(_DAMAGE)) if chance.random() < 0.35 else ""
    wrapping = chance.choice(list(_WRAPPINGS)) if chance.random() < 0.6 else "bare"
    cut = damage in _CUTS or wrapping in ("CRI, partial", "access line", "Splunk HEC")
    if not word_by_word:
        planter = _Planter(chance, least=14 if cut else 8)
        value, planted = planter(value), planter.planted
    mutation, value = _mutated(chance, value)
    text = json.dumps(value, ensure_ascii=chance.random() < 0.4)
    if damage:
        text = _DAMAGE[damage](text, chance)
    line = _line(_WRAPPINGS[wrapping](text), text, chance)
    if not damage and chance.random() < 0.04:
        damage = chance.choice(list(_BYTE_DAMAGE))
        line = _BYTE_DAMAGE[damage](line, chance)
    if cut or damage == "two halves":
        planted = _whole(planted, line)
    shape = (mutation, damage or "whole", wrapping)
    return Record(line, planted, base, shape, f"seed {seed}, record {number}: {base}; {'; '.join(shape)}")


def _instead(text: str, _old: Any) -> str:
    return text


def all_places(seed: int, every: int = 1) -> Iterator[Record]:
    """Every leaf and key of every sample and body, or every so many-th, one at a time, in changing spellings."""
    bases = [(f"sample {name}", line) for name, line in _sample_values()]
    bases += [(f"request {name}", orjson.dumps({"request": body, "response": {}})) for name, body in REQUESTS.items()]
    bases += [(f"response {name}", orjson.dumps({"request": {}, "response": body})) for name, body in RESPONSES.items()]
    return places_of(bases, seed, every)


def places_of(bases: list[tuple[str, bytes]], seed: int, every: int = 1) -> Iterator[Record]:
    """Every leaf and key of some records (name and line), or every so many-th, one at a time."""
    number = 0
    for name, line in bases:
        value = orjson.loads(line)
        for steps in _leaves(value):
            number += 1
            if number % every != seed % every:
                continue
            chance = random.Random(f"{seed} place {number}")
            planted = sentence(chance, chance.choice(VOCABULARIES))
            spelling = list(SPELLINGS)[(number + seed * 31) % len(SPELLINGS)]
            text = SPELLINGS[spelling](planted.words)
            place = ".".join(map(str, steps))
            changed = orjson.dumps(_changed(value, steps, functools.partial(_instead, text)))
            shape = ("as it is", "whole", "bare")
            yield Record(changed, [Planted(planted, spelling, place)], name, shape, f"seed {seed}, {name}, at {place}")


def _whole(planted: list[Planted], line: bytes) -> list[Planted]:
    """The sentences of which eight words or more are left: a few words of a cut one may look like somebody's name."""
    runs = [(run, at) for at, each in enumerate(planted) for run in each.sentence.runs()]
    find = Finder((run, number) for number, (run, _) in enumerate(runs))
    left = Counter(runs[number][1] for number in find(line.decode("utf-8", "replace")))
    return [each for at, each in enumerate(planted) if left[at] == 0 or left[at] >= 6]


# What leaves.


class Leak(NamedTuple):
    """A sentence, or three words of it, that left."""

    record: Record
    planted: Planted
    field: str

    def __str__(self) -> str:
        return f"{self.record.recipe}; {self.planted.spelling} at {self.planted.place} left in {self.field}"


def finder_of(planted: list[Planted]) -> Finder:
    """Looks for the sentences; labels are their indices."""
    return Finder((run, at) for at, each in enumerate(planted) for run in each.sentence.runs())


def leaks_in(record: Record, events: list[dict[str, Any]]) -> list[Leak]:
    """What of a record's sentences is in the events that leave for it."""
    if not record.planted or not events:
        return []
    find = finder_of(record.planted)
    scrambled = any(each.spelling in SCRAMBLED for each in record.planted)
    found = find(b"".join(map(write_json, events)).decode(), scrambled)
    fields = {at: _field_of(at, find, events) for at in sorted(found)[:MAX_LOCATED]}
    return [Leak(record, record.planted[at], fields.get(at, "not looked for")) for at in sorted(found)]


def _field_of(label: int, find: Finder, events: list[dict[str, Any]]) -> str:
    for event in events:
        for steps in _leaves(event):
            value: Any = event
            for step in steps[:-1] if steps[-1:] == ("#key",) else steps:
                if step == "#json":
                    break
                value = value[step]
            if label in find(str(steps[-2]) if steps[-1:] == ("#key",) else str(value)):
                names = ["*" if isinstance(step, int) else str(step) for step in steps]
                if names[0] == "unmapped":
                    names = ["unmapped"]
                return f"{event['kind']}: {'.'.join(names)}"
    return "several fields"


def nothing_found(text: str) -> list[Finding]:
    """A detector that finds nothing: what leaves leaves by what it is, not by what was found in it."""
    return []


def leaks_of(pipeline: Pipeline, record: Record, tag: str = "") -> list[Leak]:
    """What leaves of a record that comes as a line of JSON Lines."""
    return leaks_in(record, events_of(pipeline, record, tag))


def events_of(pipeline: Pipeline, record: Record, tag: str = "") -> list[dict[str, Any]]:
    """The events of a record that comes as a line of JSON Lines, from a shipper with that tag."""
    framer = JsonLines(pipeline.fingerprinter, "", 16_777_216)
    events: list[dict[str, Any]] = []
    for raw in (*framer.feed(record.line), *framer.finish()):
        if tag:
            raw.tag = tag
        events += pipeline(raw)
    return events
