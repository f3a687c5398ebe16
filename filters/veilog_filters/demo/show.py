"""What ``veilog demo`` shows: a record, what leaves for it and why; as a page, the same for a sample of every source.

Everything shown comes out of the pipeline at that moment. What is shown is checked too: nothing private of the records
may stand in the events, or the demo ends with an error.
"""

from __future__ import annotations

import dataclasses
import json
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any, Final

import orjson
import yaml
from rich.console import Console
from rich.text import Text

from veilog_filters.config import Config
from veilog_filters.framing import JsonLines
from veilog_filters.pages import render
from veilog_filters.pipeline import Pipeline
from veilog_filters.prove.samples import sample_lines, samples_folder
from veilog_parsers.event import AuditEvent
from veilog_parsers.record.raw import RawRecord
from veilog_parsers.registry import SOURCES

WIDTH: Final = 80
LINES: Final = 24
"""A terminal's screen, by default; one line is for the prompt."""
_CASE: Final = "good_"
_FIELD_CHARS: Final = 23
_VALUE_CHARS: Final = 32
_PROSE_BLANKS: Final = 3
"""A text with so many blanks cannot stand in an event by chance."""
_HASHES: Final = ("_hash", "event_id", "record_shape")
_LABELS: Final = ("classification", "categories", "findings", "rules", "threats")


@dataclasses.dataclass(frozen=True, slots=True)
class Token:
    """A piece of JSON with the class that it has on the page: ``key``, ``stays``, ``hash``, ``label`` or none."""

    text: str
    kind: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A record of a source and what leaves for it.

    Attributes:
        source: name of the source.
        summary: what the source is.
        record: what came in, in pieces.
        event: what leaves, in pieces.
        kind: the event's kind.
        labels: its labels, in short; empty if there was no text.
        found: what was found, in short.
        lost: prompts and responses that stand in the event; none, or something is wrong.
    """

    source: str
    summary: str
    record: list[Token]
    event: list[Token]
    kind: str
    labels: str
    found: str
    lost: list[str]


class Demo:
    """The built-in policy at work.

    Args:
        config: the defaults, with a key.
    """

    def __init__(self, config: Config) -> None:
        mapping = yaml.safe_load((samples_folder() / "mapped" / "mapping.yaml").read_text(encoding="utf-8"))
        mapped = Config.model_validate(mapping).mapped
        self._pipeline = Pipeline(config.model_copy(update={"mapped": mapped}))

    def screen(self, console: Console, page: str | None, report: str = "") -> bool:
        """Print the story on one screen; whether nothing private left.

        Args:
            console: where to.
            page: where the page was written, if it was.
            report: where the report was written, or what it takes to write it; "" if nobody asked for it.
        """
        call = orjson.loads(resources.files(__package__).joinpath("call.json").read_bytes())
        line = orjson.dumps(call["record"])
        (event,) = self._events(line)
        out = json.dumps(event, ensure_ascii=False)
        left = [text for text in call["private"] if text in out]
        console.print(Text("veilog demo: one call to a model, by the built-in policy", "bold"))
        console.print()
        console.print(Text(f"CAME IN  {len(line)} bytes, as the gateway logged them", "bold red"))
        for part in textwrap.wrap(json.dumps(call["record"]), WIDTH - 2, break_on_hyphens=False):
            console.print(_marked(f"  {part}", call["private"]))
        console.print()
        head = f"LEAVES   {len(event)} fields, among them"
        console.print(Text(f"{head:{_FIELD_CHARS + _VALUE_CHARS + 2}}WHY", "bold green"))
        for field, value, why in _story(event):
            row = Text(f"  {field:{_FIELD_CHARS}}")
            row.append(f"{value:{_VALUE_CHARS}}", "green")
            row.append(why, "dim")
            console.print(row)
        console.print()
        if left:
            console.print(Text(f"{len(left)} private values left the host. This must not be.", "bold red"))
        else:
            console.print("Neither prompt nor response left, nor the name, the card or the address in them.")
        where = f"The same for every source: {page}" if page else "For every source: veilog demo --html demo.html"
        console.print(Text(where, "bold"))
        if report:
            console.print(Text(f"Dashboard and audit report over the samples: {report}", "bold"))
        return not left

    def events(self) -> Iterator[dict[str, Any]]:
        """What leaves for all samples."""
        for _, line in sample_lines():
            yield from self._events(line)

    def examples(self) -> Iterator[Example]:
        """An example of every source, by name."""
        about = {source.name: source.summary for source in SOURCES}
        about["mapped"] = "Any other JSON log, mapped by a few lines of configuration."
        about["other"] = "Everything else: quarantined, with nothing of it but its length and a keyed hash."
        best: dict[str, tuple[tuple[bool, bool, int], bytes]] = {}
        for name, line in sample_lines():
            source, _, case = name.partition("/")
            if source in about and case.startswith(_CASE):
                event = self._events(line)[0]
                # One in which something is found, if there is one, then one with a prompt; the shortest of these.
                rank = (not _counts(_found(event)), "prompt_hash" not in event, len(line))
                best[source] = min(best.get(source, (rank, line)), (rank, line))
        for source, (_, line) in best.items():
            texts = [text for text in self._texts(line) if text.count(" ") >= _PROSE_BLANKS]
            yield _example(source, about[source], orjson.loads(line), self._events(line)[0], texts)

    def page(self) -> tuple[str, bool]:
        """The page, and whether nothing private left."""
        examples = list(self.examples())
        lost = sum(len(example.lost) for example in examples)
        return render("demo.html.j2", examples=examples, lost=lost), not lost

    def _texts(self, line: bytes) -> Iterator[str]:
        """The prompts and responses in a record."""
        for event in self._pipeline.registry.parse(RawRecord(orjson.loads(line), line)):
            if isinstance(event, AuditEvent):
                for message in (*event.prompt_messages, *event.response_messages):
                    yield from (part.reveal() for part in message.parts)

    def _events(self, line: bytes) -> list[dict[str, Any]]:
        framer = JsonLines(self._pipeline.fingerprinter, "", len(line) + 1)
        records = [*framer.feed(line + b"\n"), *framer.finish()]
        return [event for record in records for event in self._pipeline(record)]


def _story(event: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Fields, their values and why they leave."""
    yield "user_id", event["user_id"], "who, or a pseudonym"
    yield "model_name", event["model_name"], "what was called"
    yield "prompt_hash", f"{event['prompt_hash'][:24]}...", "same prompt, same hash;"
    yield "response_hash", f"{event['response_hash'][:24]}...", "nothing without the key"
    yield "findings.prompt", _counts(event["findings"]["prompt"]), "counts of what is there"
    rules = event["classification_rules"]["prompt"]
    yield "prompt_classification", event["prompt_classification"], f"by rule {rules[-1] if rules else 'none'}"
    yield "data_categories", ", ".join(event["data_categories"]), "what is at stake"
    tokens = f"{event['input_tokens']}, {event['output_tokens']}, {event['latency_ms']:g}"
    yield "..._tokens, latency_ms", tokens, "numbers say nothing"


def _found(event: dict[str, Any]) -> Counter[str]:
    """What was found in an event's texts, both sides."""
    found: Counter[str] = Counter()
    for side in event.get("findings", {}).values():
        found.update(side)
    return found


def _counts(found: dict[str, int]) -> str:
    return ", ".join(f"{entity} {number}" for entity, number in found.items() if entity != "URL")


def _marked(line: str, private: list[str]) -> Text:
    text = Text(line)
    text.highlight_words(private, "bold red")
    return text


# The page.


def _example(source: str, summary: str, record: Any, event: dict[str, Any], texts: list[str]) -> Example:
    left = set(_strings(event))
    sides = [side for side in ("prompt", "response") if f"{side}_classification" in event]
    labels = ", ".join(dict.fromkeys(event[f"{side}_classification"] for side in sides))
    out = json.dumps(event, ensure_ascii=False)
    return Example(
        source=source,
        summary=summary,
        record=[*_tokens(record, lambda _path, value: "" if value in left else "stays")],
        event=[*_tokens(event, _kind_in_event)],
        kind=event["kind"],
        labels=labels,
        found=_counts(_found(event)),
        lost=[text for text in texts if text in out],
    )


def _kind_in_event(path: str, _value: str) -> str:
    if path.endswith(_HASHES):
        return "hash"
    return "label" if any(word in path for word in _LABELS) else ""


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, str):
        yield value


def _tokens(value: Any, kind_of: Callable[[str, str], str], indent: int = 0, path: str = "") -> Iterator[Token]:
    """A value as indented JSON, in pieces.

    Args:
        value: the value.
        kind_of: path and string to the string's class.
        indent: how deep it stands.
        path: its keys, joined by dots.
    """
    if isinstance(value, str):
        yield Token(json.dumps(value, ensure_ascii=False), kind_of(path, value))
        return
    if not isinstance(value, dict | list) or not value:
        yield Token(json.dumps(value))
        return
    items = list(value.items()) if isinstance(value, dict) else [(None, item) for item in value]
    yield Token("{" if isinstance(value, dict) else "[")
    for number, (key, item) in enumerate(items):
        yield Token(("," if number else "") + "\n" + "  " * (indent + 1))
        if key is not None:
            yield Token(json.dumps(key, ensure_ascii=False), "key")
            yield Token(": ")
        yield from _tokens(item, kind_of, indent + 1, f"{path}.{key}" if key is not None else path)
    yield Token("\n" + "  " * indent + ("}" if isinstance(value, dict) else "]"))
