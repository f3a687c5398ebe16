"""Every reason for quarantine, provoked: by an input where an input alone can do it, else by a stage that fails.

What fails says in its message what it was given, as libraries do: no message may get out. Nothing here finds anything
in a text either, so nothing is held back because it was found.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgpack
import orjson

from veilog_filters.detect.api import Finding, PerText
from veilog_filters.forward import BadEntry, Limits
from veilog_filters.forward.codec import read_entry
from veilog_filters.framing import FRAMERS, RAW
from veilog_filters.pipeline import Pipeline
from veilog_filters.quarantine import DecodeFailure
from veilog_parsers.errors import ErrorType
from veilog_parsers.registry import Registry
from veilog_parsers.sources.aws import aws_bedrock_invocation

Failing = Callable[..., Any]
"""Raises whatever it is called with."""
_DEPTH: Final = 100
"""More than ``limits.max_depth`` allows by default; deeper where a configuration allows more."""


class BrittleDetector(PerText):
    """A detector that finds nothing, and fails when it is told to.

    Attributes:
        failing: what is called with each text, if anything.
    """

    def __init__(self) -> None:
        super().__init__(self._find_nothing)
        self.failing: Failing | None = None

    def _find_nothing(self, text: str) -> list[Finding]:
        if self.failing is not None:
            self.failing(text)
        return []


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Limits that an input must exceed.

    Attributes:
        max_record_bytes: longest record.
        max_events: most records in an envelope.
        max_depth: deepest leaf.
    """

    max_record_bytes: int
    max_events: int
    max_depth: int = 64


def record_of(text: str) -> dict[str, Any]:
    """A record of one call to a model, with the text as its prompt and in a key that no parser knows."""
    return {
        "schemaType": "ModelInvocationLog",
        "modelId": "amazon.titan-text-express-v1",
        "operation": "InvokeModel",
        "input": {"inputBodyJson": {"inputText": text}},
        "unknown": text,
    }


def line_of(text: str) -> bytes:
    """That record as a line of JSON."""
    return orjson.dumps(record_of(text))


def _nested(text: str, bounds: Bounds) -> bytes:
    depth = max(_DEPTH, bounds.max_depth + 2)
    return b'{"a":' * depth + orjson.dumps(text) + b"}" * depth


def _too_large(text: str, bounds: Bounds) -> bytes:
    return orjson.dumps({"a": text * (bounds.max_record_bytes // len(text) + 1)})


def _many(text: str, bounds: Bounds) -> bytes:
    return b'{"Records":[' + line_of(text) + b",{}" * bounds.max_events + b"]}"


_INPUTS: Final[dict[ErrorType, tuple[str, Callable[[str, Bounds], bytes]]]] = {
    ErrorType.MALFORMED_JSON: ("jsonl", lambda text, bounds: line_of(text)[:-1]),
    ErrorType.MALFORMED_MSGPACK: ("msgpack", lambda text, bounds: b"\xc1" + msgpack.packb(record_of(text))),
    ErrorType.INVALID_UTF8: ("jsonl", lambda text, bounds: b'{"a":"' + text.encode() + b'\xff"}'),
    ErrorType.NOT_AN_OBJECT: ("jsonl", lambda text, bounds: orjson.dumps([text])),
    ErrorType.RECORD_TOO_LARGE: ("jsonl", _too_large),
    ErrorType.NESTING_TOO_DEEP: ("jsonl", _nested),
    ErrorType.TOO_MANY_EVENTS: ("jsonl", _many),
    ErrorType.BAD_ENTRY: ("forward", lambda text, bounds: msgpack.packb(["not a time", record_of(text)])),
    ErrorType.UNRECOGNIZED: ("jsonl", lambda text, bounds: orjson.dumps({"a": text})),
}
"""Format and bytes of what fails by itself."""


def input_for(error_type: ErrorType, text: str, bounds: Bounds) -> tuple[str, bytes]:
    """Format (``jsonl``, ``msgpack`` or ``forward``) and bytes of a record to provoke an error with.

    Args:
        error_type: what is to be provoked.
        text: what may not leave.
        bounds: the limits in force.
    """
    if error_type not in _INPUTS:
        return "jsonl", line_of(text)
    input_format, make = _INPUTS[error_type]
    return input_format, make(text, bounds)


@contextmanager
def broken(
    pipeline: Pipeline, detector: BrittleDetector, error_type: ErrorType, failing: Failing, record_secs: float
) -> Iterator[None]:
    """Have a pipeline fail in the way of an error type, as far as no input can do it alone.

    Args:
        pipeline: the pipeline; as before at the end.
        detector: the detector that it was built with.
        error_type: how to fail.
        failing: raises; its message says what it was given.
        record_secs: the pipeline's ``limits.record_secs``.
    """
    registry, stages = pipeline.registry, pipeline.stages
    match error_type:
        case ErrorType.PARSER_FAILED:
            pipeline.registry = Registry([dataclasses.replace(aws_bedrock_invocation.SOURCE, parse=failing)])
        case ErrorType.DETECTOR_FAILED:
            detector.failing = failing
        case ErrorType.CLASSIFIER_FAILED | ErrorType.FINGERPRINT_FAILED | ErrorType.REDACTION_FAILED:
            _change(pipeline, error_type, lambda work: failing)
        case ErrorType.ENCODING_FAILED:
            # Redaction forgets the event: the gate gets it with all of its texts.
            _change(pipeline, ErrorType.REDACTION_FAILED, lambda work: lambda job: None)
        case ErrorType.OVER_BUDGET:
            _change(pipeline, ErrorType.CLASSIFIER_FAILED, lambda work: _slow(work, 2 * record_secs))
    try:
        yield
    finally:
        pipeline.registry, pipeline.stages, detector.failing = registry, stages, None


def _change(
    pipeline: Pipeline, failure: ErrorType, change: Callable[[Callable[..., None]], Callable[..., None]]
) -> None:
    """Change what the stages do whose failure is that."""
    pipeline.stages = tuple(
        (name, error, change(work) if error is failure else work) for name, error, work in pipeline.stages
    )


def _slow(work: Callable[..., None], secs: float) -> Callable[..., None]:
    def work_slowly(job: Any) -> None:
        end = time.thread_time() + secs
        while time.thread_time() < end:
            pass
        work(job)

    return work_slowly


def leaving(
    pipeline: Pipeline, input_format: str, data: bytes, max_record_bytes: int, tag: str = ""
) -> list[dict[str, Any]]:
    """The events that leave for some bytes, as a transport has them made."""
    if input_format == "forward":
        return pipeline(_bad_entry(pipeline, data))
    framer = FRAMERS[input_format](pipeline.fingerprinter, "", max_record_bytes)
    records = [*framer.feed(data + b"\n" if input_format == "jsonl" else data), *framer.finish()]
    for record in records:
        record.tag = tag
    return [event for record in records for event in pipeline(record)]


def _bad_entry(pipeline: Pipeline, data: bytes) -> DecodeFailure:
    """What the sidecar makes of an entry that is none."""
    bad = read_entry(data, Limits())
    if not isinstance(bad, BadEntry):
        raise TypeError("this entry is none to be refused")
    return DecodeFailure(bad.error_type, len(bad.raw), pipeline.fingerprinter.digest(RAW, "", bad.raw))
