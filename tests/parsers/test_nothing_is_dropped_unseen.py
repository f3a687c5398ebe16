"""What a parser drops by name it drops for its kind: prose under any name is a text of the event, or is counted.

A sentence, in one of several spellings, takes the place of every value of every good sample, and is put under keys that
parsers drop. It, or its length where it is withheld, must be found again: in the event, or in what is left of the record.
Bodies are broken in many ways: they still say something.
"""

from __future__ import annotations

import base64
import dataclasses
import random
import sys
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from samples import Sample, samples
from shares import share
from veilog_parsers.errors import RecordError
from veilog_parsers.event import AuditEvent, SensitiveText, SensitiveTree
from veilog_parsers.record.context import NO_CONTEXT
from veilog_parsers.record.fields import Droppable, remainder
from veilog_parsers.record.prose import is_json, is_objects, is_schema
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import SOURCES, ParseFailure, Registry

WORDS = ["amber", "basin", "cedar", "drift", "ember", "fjord", "grove", "harbor", "inlet"]
SPELLINGS: dict[str, Callable[[list[str]], Any]] = {
    "blanks": " ".join,
    "underscores": "_".join,
    "no-break spaces": "\u00a0".join,
    "zero-width": "\u200b".join,
    "capitals": lambda words: "".join(word.title() for word in words),
    "percent": lambda words: urllib.parse.quote(" ".join(words)),
    "base64": lambda words: base64.b64encode(" ".join(words).encode()).decode(),
    "full-width": lambda words: " ".join(words).translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)}),
    "in a list": lambda words: [" ".join(words)],
    "word by word": list,
    "in an object": lambda words: {"text": {"value": " ".join(words)}},
}
"""What a sentence may look like."""
BLOCK_KEYS = ("text", "value")
REGISTRY = Registry()
SAMPLES = [sample for sample in samples() if sample.case.startswith("good")]
SOURCE_NAMES = [source.name for source in SOURCES]

BY_NATURE = {
    "braintrust": {"tools"},
    "datadog_llm": {"tool_definitions"},
    "langsmith": {"tools"},
    "mlflow_traces": {"mlflow.chat.tools"},
    "mcp": {"tools", "requestedSchema", "properties", "prompts", "resources"},
    "aws_bedrock_invocation": {"chat_history", "citations", "toolConfig"},
    "chatgpt_compliance": {"annotations"},
    "otel_genai": {
        *("llm.invocation_parameters", "llm.tools", "gen_ai.tool.definitions", "mlflow.chat.tools", "ai.prompt.tools"),
        *("function_tools", "tools", "logfire.json_schema", "ai.schema"),
    },
    "app_log": {"tools", "generationConfig", "annotations", "chat_history", "tokens", "prefill"},
    "llm_batch": {"tools"},
    "openai_realtime": {"tools", "annotations", "citation", "citations"},
    "openai_gateway": {
        *("tools", "functions", "text", "logprobs", "citations", "annotations", "response_format", "tool_choice"),
        "tokens",
    },
    "vertex_request_response": {"generation_config"},
}
"""Structures that hold prose by their nature are dropped whole, if they are structures: what is inside is not sought."""
IDS = {
    *("id", "requestId", "request_id", "model", "finish_reason", "gen_ai.system", "openinference.span.kind", "location"),
    *("gen_ai.provider.name", "llm.provider", "ai.model.provider", "mlflow.llm.provider", "toolName", "finishReason"),
    *("modelDeploymentName", "provider_name", "url", "endpoint", "requestURL", "server_url", "name", "user", "userName",
      "response_id"),
}  # fmt: skip
"""A body's id or model goes if the record around it has a better one, a region is spelled in one way: it is a name, and
so no sentence with blanks."""


def opened(value: Any) -> Any:
    """A record whose JSON in strings is decoded: every parser takes bodies of either form."""
    if type(value) is str and value[:1] in ("{", "["):
        try:
            return opened(orjson.loads(value))
        except orjson.JSONDecodeError:
            return value
    if type(value) is dict:
        return {key: opened(item) for key, item in value.items()}
    return [opened(item) for item in value] if type(value) is list else value


def records_of(source: str) -> list[dict[str, Any]]:
    """The records of a source's good samples, out of their envelopes."""
    found: list[dict[str, Any]] = []
    for sample in SAMPLES:
        # The events of a stream are put together: of what each says again the last is kept.
        if sample.source == source and "stream" not in sample.case:
            for inner, _, _ in REGISTRY._open(opened(orjson.loads(sample.line)), 0, NO_CONTEXT):
                if type(inner) is dict and orjson.dumps(inner) not in map(orjson.dumps, found):
                    found.append(inner)
    return found


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every object in a record, the record itself first."""
    if type(value) is dict:
        yield path
    items = value.items() if type(value) is dict else enumerate(value) if type(value) is list else ()
    for key, item in items:
        yield from places(item, (*path, key))


def leaves(value: Any) -> Iterator[Any]:
    if type(value) is dict:
        for key, item in value.items():
            yield key
            yield from leaves(item)
    elif type(value) is list:
        for item in value:
            yield from leaves(item)
    elif isinstance(value, SensitiveText):
        yield value.reveal()
    elif isinstance(value, SensitiveTree):
        yield from leaves(value.reveal())
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from leaves(getattr(value, field.name))
    else:
        yield value


def is_found(planted: Any, seen: Any) -> bool:
    """Whether what was planted, or the length of it, is in an event or in what its parser left."""
    texts = [text for text in leaves(planted) if type(text) is str]
    # The keys of a planted object are those of an API's blocks: they say nothing by themselves.
    if is_said([text for text in texts if text not in BLOCK_KEYS], seen):
        return True
    # Only what is left can have a length in place of a text: an event has other numbers.
    left = [item.unmapped if isinstance(item, AuditEvent) else item for item in seen]
    return any(type(value) is int and value >= sum(map(len, texts)) for value in leaves(left))


def is_said(texts: list[str], seen: Any) -> bool:
    """Whether texts are in what is seen: as they are, as JSON spells them, or as a name without blanks."""
    words = "\n".join(str(value) for value in leaves(seen))
    return all(
        any(form in words for form in (text, orjson.dumps(text).decode()[1:-1], text.replace(" ", "")))
        for text in texts
    )


def at(record: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        record = record[key]
    return record


def with_planted(record: dict[str, Any], chance: random.Random) -> Iterator[tuple[tuple[Any, ...], str, str, Any]]:
    """The record with a sentence in place of each value in turn, and under some keys that other records have."""
    for path in places(record):
        holder = at(record, path)
        for key in [*holder, *chance.sample(KEYS, 3)]:
            was = holder.get(key, Ellipsis)
            spelling = chance.choice(list(SPELLINGS))
            holder[key] = SPELLINGS[spelling](chance.sample(WORDS, 9))
            yield path, key, spelling, holder[key]
            if was is Ellipsis:
                del holder[key]
            else:
                holder[key] = was


def keys_in_code() -> list[str]:
    """Every key that a parser drops, by its lists."""
    found: set[str] = set()
    for module in sys.modules.values():
        if getattr(module, "__name__", "").startswith("veilog_parsers"):
            for value in vars(module).values():
                if (
                    type(value) is dict
                    and value
                    and all(type(kind) is Droppable or callable(kind) for kind in value.values())
                ):
                    found.update(key for key in value if type(key) is str)
    return sorted(found)


KEYS = keys_in_code()
assert len(KEYS) > 400


def keys_of_structures() -> set[str]:
    """Every key under which a parser drops an object whole, whatever it says: definitions, quotations, formats."""
    found: set[str] = set()
    for module in sys.modules.values():
        if getattr(module, "__name__", "").startswith("veilog_parsers"):
            for value in vars(module).values():
                if type(value) is dict:
                    found.update(
                        key
                        for key, kind in value.items()
                        if type(kind) is Droppable and kind.may_go in (is_objects, is_schema, is_json)
                    )
    return found


OF_STRUCTURES = keys_of_structures()
assert "tools" in OF_STRUCTURES


@pytest.mark.parametrize("source", SOURCE_NAMES)
def test_a_sentence_under_any_key_is_found_again(source: str) -> None:
    parse = next(known.parse for known in SOURCES if known.name == source)
    chance = random.Random(source)
    gone = []
    for record in records_of(source):
        for path, key, spelling, planted in with_planted(record, chance):
            fields = orjson.loads(orjson.dumps(record))
            event = parse(fields)
            by_nature = BY_NATURE.get(source, set()) & {*path, key}
            if spelling == "in an object" and key in OF_STRUCTURES:
                continue
            if by_nature or (key in IDS and " " not in str(planted)):
                continue
            if not is_found(planted, [event, remainder(fields)]):
                gone.append((*path, key, spelling))
    assert gone == []


BREAKS: dict[str, Callable[[str], Any]] = {
    "cut": lambda text: text[: len(text) * 3 // 4],
    "tail": lambda text: text[len(text) // 6 :],
    "unquoted": lambda text: text.replace('"', "", 3),
    "no comma": lambda text: text.replace(",", " ", 1),
    "prose": lambda text: "what the caller said, no JSON at all",
    "prefix": lambda text: "body: " + text,
    "suffix": lambda text: text + " and more",
    "control": lambda text: text.replace(" ", "\t") + "\x01",
    "doubled": lambda text: text + text,
    "repr": lambda text: repr(orjson.loads(text)),
    "lone surrogate": lambda text: text.replace("{", '{"z": "\\ud83d", ', 1),
    "no-break space": lambda text: "\ufeff\u00a0" + text,
    "coloured": lambda text: f"\x1b[32m{text}\x1b[0m",
    "quoted again": lambda text: orjson.dumps(text).decode(),
    "bracket too many": lambda text: text + "}",
    "not a number": lambda text: text.replace("{", '{"z": NaN, ', 1),
}
"""How a body is broken: sometimes it can be read all the same, sometimes not."""


def bodies(record: dict[str, Any], parse: Callable[[dict[str, Any]], AuditEvent]) -> Iterator[tuple[Any, ...]]:
    """The paths of a record's bodies: objects without which it has no prompt, or no response, and none inside of it."""
    whole = parse(orjson.loads(orjson.dumps(record)))
    for path in places(record):
        if not path or type(path[-1]) is not str:
            continue
        without = orjson.loads(orjson.dumps(record))
        del at(without, path[:-1])[path[-1]]
        event = parse(without)
        sides = ("prompt_messages", "response_messages")
        if any(getattr(whole, side) and not getattr(event, side) for side in sides):
            yield path


@pytest.mark.parametrize("source", SOURCE_NAMES)
def test_a_broken_body_says_something(source: str) -> None:
    """Whatever was done to the text of a body: there are words to hash, or the record is rejected.

    What holds a body (``input``, ``protoPayload``) is broken too. Plain prose in its place is no body: it is left.
    """
    known = next(known for known in SOURCES if known.name == source)
    silent = []
    for record in records_of(source):
        for path in [*bodies(record, known.parse)][:3]:
            text = orjson.dumps(at(record, path)).decode()
            for name, broken in BREAKS.items():
                fields = orjson.loads(orjson.dumps(record))
                planted = at(fields, path[:-1])[path[-1]] = broken(text)
                event = next(iter(REGISTRY.parse(RawRecord(fields, b""))))
                if isinstance(event, ParseFailure) or event.prompt_messages or event.response_messages:
                    continue
                if event.source == "other":
                    # No source's record any more: policy has it quarantined.
                    continue
                if event.unmapped and name in ("doubled", "tail"):
                    # A list, or half of a text, with nothing but words in it: left, and counted.
                    continue
                if name != "prose" or not is_found(planted, [event]):
                    silent.append((*path, name))
    assert silent == []


@pytest.mark.parametrize(
    "body", [["a list", "of strings"], 7, True, [[1]], {"unknown": "what was said, at some length"}]
)
@pytest.mark.parametrize("source", SOURCE_NAMES)
def test_a_body_of_another_type_is_a_text_or_left(source: str, body: Any) -> None:
    parse = next(known.parse for known in SOURCES if known.name == source)
    for record in records_of(source):
        for path in [*bodies(record, parse)][:3]:
            fields = orjson.loads(orjson.dumps(record))
            at(fields, path[:-1])[path[-1]] = body
            event = parse(fields)
            assert is_found(body, [event, remainder(fields)]), path


@pytest.mark.parametrize(
    "record",
    [
        {"log": orjson.dumps({"request": {"model": "m", "messages": [{"role": "user", "content": "hi"}]}}).decode()},
        {"Records": [{"eventName": "x", "eventSource": "s3.amazonaws.com"}]},
    ],
)
def test_prose_beside_a_record_in_an_envelope_is_counted(record: dict[str, Any]) -> None:
    sentence = " ".join(WORDS)
    parsed = list(REGISTRY.parse(RawRecord(record | {"notes": sentence, "stream": "stdout"}, b"")))
    (event,) = parsed
    assert isinstance(event, AuditEvent)
    assert isinstance(event.unmapped, SensitiveTree)
    assert event.unmapped.reveal()["envelope_chars"] == len(sentence)


SENTENCES = {"nine words": " ".join(WORDS), "a phrase": "words of a prompt"}
STRUCTURES = {
    "function_tools",
    "toolConfig", "tools", "requestedSchema", "chat_history", "citations", "generation_config", "generationConfig",
    "response_format", "format", "tokens", "tool_definitions", "mlflow.chat.tools",
}  # fmt: skip
"""Structures that hold prose by their nature, as ``BY_NATURE``, under whatever record."""


ATTRIBUTES = BY_NATURE["otel_genai"]


def name_of(pair: Any) -> Any:
    """The key of one of OTLP's pairs."""
    return str(pair.get("key")) if type(pair) is dict else None


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in a record, scalar or container, but the record itself."""
    items = value.items() if type(value) is dict else enumerate(value) if type(value) is list else ()
    for key, item in items:
        yield (*path, key)
        yield from paths(item, (*path, key))


def parsed(value: Any) -> list[Any]:
    try:
        return list(REGISTRY.parse(RawRecord(value, b"")))
    except RecordError as error:
        return [ParseFailure(error.error_type, "")]


def counted(events: list[Any]) -> int:
    """All numbers in what is left of records, lengths of what was withheld among them."""
    left = [event.unmapped for event in events if isinstance(event, AuditEvent)]
    return sum(value for value in leaves(left) if type(value) is int)


def unseen(record: Any, sentence: str) -> list[tuple[Any, ...]]:
    """Where a sentence in a record, in place of a value or under an odd key, leaves no trace."""
    before = counted(parsed(orjson.loads(orjson.dumps(record))))
    gone = []
    for path in [*paths(record), *((*place, "oddkey") for place in places(record))]:
        if STRUCTURES & {*path} or any(name_of(at(record, path[:end])) in ATTRIBUTES for end in range(len(path))):
            continue
        fields = orjson.loads(orjson.dumps(record))
        at(fields, path[:-1])[path[-1]] = sentence
        events = parsed(fields)
        if any(isinstance(event, ParseFailure) for event in events) or is_said([sentence], events):
            continue
        if counted(events) == before or counted(events) < len(sentence):
            gone.append(path)
    return gone


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_prose_in_any_place_of_a_sample_is_seen(sample: Sample) -> None:
    record = orjson.loads(sample.line)
    for sentence in share(SENTENCES.values(), 2, SAMPLES.index(sample)):
        assert unseen(record, sentence) == []
        assert unseen(opened(record), sentence) == []


CALL = {"model": "m", "request": {"messages": [{"role": "user", "content": "hi"}]}, "response": {"choices": []}}
TEXT = orjson.dumps(CALL).decode()
IN_BASE64 = base64.b64encode(TEXT.encode()).decode()
POD = {"namespace_name": "ai", "pod_name": "gw-1", "container_name": "gateway", "labels": {"app": "gw"}}
ENVELOPES: dict[str, Any] = {
    "Docker": {"log": TEXT, "stream": "stdout", "time": "2025-03-03T09:41:03Z", "attrs": {"tag": "x"}},
    "Kubernetes": {"log": TEXT, "stream": "stdout", "kubernetes": POD, "_p": "F"},
    "CRI": {"message": TEXT, "logtag": "F", "kubernetes": POD, "file": "/var/log/x"},
    "parts": [
        {"log": TEXT[:30], "logtag": "P", "kubernetes": POD},
        {"log": TEXT[30:40], "logtag": "P", "kubernetes": POD},
        {"log": TEXT[40:], "logtag": "F", "kubernetes": POD},
    ],
    "journald": {"MESSAGE": TEXT, "_HOSTNAME": "h1", "_SYSTEMD_UNIT": "gw.service", "PRIORITY": "6"},
    "CloudTrail": {"Records": [CALL], "digest": {"a": 1}},
    "Event Hubs": {"records": [CALL], "partition": {"a": 1}},
    "Capture": {"EnqueuedTimeUtc": "t", "Offset": "1", "SystemProperties": {"a": 1}, "Properties": {}, "Body": {"bytes": TEXT}},
    "EventBridge": {"detail-type": "x", "detail": CALL, "resources": ["arn:aws:x"], "source": "aws.x"},
    "CloudWatch": {
        "messageType": "DATA_MESSAGE",
        "logGroup": "g",
        "logStream": "s",
        "subscriptionFilters": ["f"],
        "logEvents": [{"id": "1", "timestamp": 1, "message": TEXT}],
    },
    "Pub/Sub, pushed": {
        "message": {"data": IN_BASE64, "messageId": "1", "publishTime": "t", "attributes": {"a": "b"}},
        "subscription": "projects/p/subscriptions/s",
    },
    "Pub/Sub, pulled": {
        "receivedMessages": [{"ackId": "a", "message": {"data": IN_BASE64, "publishTime": "t", "attributes": {"a": "b"}}}]
    },
    "page": {"data": [CALL], "has_more": False, "first_id": "a", "about": {"a": 1}},
    "page of Google's": {"items": [CALL], "nextPageToken": "a", "kind": "x"},
    "Google Cloud": {
        "jsonPayload": CALL,
        "insertId": "i",
        "labels": {"k8s-pod/app": "gw", "k8s-pod/other": "x"},
        "resource": {"type": "k8s_container", "labels": {"namespace_name": "ai", "pod_name": "gw-1", "project_id": "p"}},
        "timestamp": "2025-03-03T09:41:03Z",
    },
    "Cloud Run": {"textPayload": TEXT, "resource": {"type": "cloud_run_revision", "labels": {"service_name": "gw"}}},
    "ECS": {"event": {"original": TEXT, "dataset": "x"}, "host": {"name": "h1", "os": "x"}, "ecs": {"version": "8"}},
    "Azure": {"RawData": TEXT, "Computer": "h1", "_ResourceId": "/subscriptions/s", "Type": "Gateway_CL"},
    "Cribl": {"_raw": f"<134>1 2025-03-03T09:41:03Z h1 gw 1 - - {TEXT}", "host": "h1", "source": "x"},
    "any key": {"zebra": {"stripes": [CALL], "n": 1}, "k8s.pod.name": "gw-1", "k8s.pod.label.app": "gw"},
    "two levels": {"message": orjson.dumps({"log": TEXT, "stream": "stdout"}).decode(), "kubernetes": POD},
}  # fmt: skip


@pytest.mark.parametrize("sentence", SENTENCES.values(), ids=SENTENCES)
@pytest.mark.parametrize("envelope", ENVELOPES.values(), ids=ENVELOPES)
def test_prose_in_any_place_of_an_envelope_is_seen(envelope: Any, sentence: str) -> None:
    assert not any(isinstance(event, ParseFailure) for event in parsed(orjson.loads(orjson.dumps(envelope))))
    assert unseen(envelope, sentence) == []


@pytest.mark.parametrize(
    "record",
    [
        {
            "schemaType": "ModelInvocationLog",
            "modelId": "m",
            "input": {"inputBodyJson": {"messages": "words of a prompt"}},
        },
        {"log": "INFO 04-20 17:17:47 [logger.py:39] Received request cmpl-1: prompt: '', params: words of a prompt"},
    ],
    ids=["Bedrock", "vLLM"],
)
def test_words_in_place_of_a_prompt_are_one(record: dict[str, Any]) -> None:
    (event,) = parsed(record)
    assert event.prompt_messages
    assert is_said(["words of a prompt"], event.prompt_messages)


VECTOR = base64.b64encode(random.Random(1).randbytes(12288)).decode()
EMBEDDED: dict[str, Any] = {
    "OpenAI": {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": VECTOR}], "model": "m"},
    "Cohere": {"id": "1", "response_type": "embeddings_by_type", "embeddings": {"base64": [VECTOR]}, "meta": {}},
    "Ollama": {"embeddings": [VECTOR], "prompt_eval_count": 1, "model": "m"},
}


@pytest.mark.parametrize("body", EMBEDDED.values(), ids=EMBEDDED)
def test_a_vector_in_base64_is_no_text_and_words_are(body: dict[str, Any]) -> None:
    def answered(response: str) -> AuditEvent:
        request = {"model": "m", "input": ["hi"], "encoding_format": "base64"}
        (event,) = parsed({"request": request, "response": orjson.loads(response)})
        assert isinstance(event, AuditEvent)
        return event

    text = orjson.dumps(body).decode()
    event = answered(text)
    assert (event.response_messages, event.unmapped) == ([], None)
    for spelling in ("blanks", "base64"):
        said = SPELLINGS[spelling](WORDS)
        assert is_said([said], answered(text.replace(VECTOR, said)))
