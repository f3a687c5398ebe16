"""One request to a model and its response, in one form for the APIs of all providers.

The reader of a body fills an ``Exchange`` and knows no event, so that it serves all sources. ``apply`` then puts it
into the event, which may have the same facts from the record around the bodies: that record is believed first.
"""

from __future__ import annotations

import dataclasses
import operator
from typing import Final

from veilog_parsers.bodies.verdicts import Verdict
from veilog_parsers.event import (
    AuditEvent,
    Message,
    Operation,
    Outcome,
    Role,
    SensitiveText,
    Text,
    ThreatReporter,
    Timestamp,
    ToolCall,
)
from veilog_parsers.record.dropped import DUPLICATE, note_dropped, prefer

TOKEN_COUNTS: Final = ("input_tokens", "output_tokens", "total_tokens")
FACTS: Final = (
    *("input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens", "reasoning_tokens"),
    *("input_audio_tokens", "output_audio_tokens", "input_image_tokens", "output_image_tokens", "cost_usd"),
    *("latency_ms", "time_to_first_token_ms", "stream", "refusal", "tools_offered", "attachments"),
)
"""Fields that an event has under the same name. The record around the bodies is believed before them."""
_facts_of: Final = operator.attrgetter(*FACTS)


@dataclasses.dataclass(slots=True, kw_only=True)
class Exchange:
    """One request to a model and its response, filled by the readers of this package.

    Texts are in the order of the bodies. Everything is optional: a request without a response is an exchange too, and
    so is a response without a request.
    """

    operation: Operation | None = None
    provider: Text | None = None
    requested_model: SensitiveText | None = None
    answered_model: SensitiveText | None = None
    request_id: SensitiveText | None = None
    user: SensitiveText | None = None
    conversation_id: SensitiveText | None = None
    timestamp: Timestamp | None = None
    prompt: list[Message] = dataclasses.field(default_factory=list)
    response: list[Message] = dataclasses.field(default_factory=list)
    tool_calls: list[ToolCall] = dataclasses.field(default_factory=list)
    finish_reasons: list[Text] = dataclasses.field(default_factory=list)
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    input_audio_tokens: int | None = None
    output_audio_tokens: int | None = None
    input_image_tokens: int | None = None
    output_image_tokens: int | None = None
    cost_usd: float | None = None
    latency_ms: float | None = None
    time_to_first_token_ms: float | None = None
    stream: bool | None = None
    refusal: bool | None = None
    tools_offered: int | None = None
    attachments: int | None = None
    verdict: Verdict | None = None
    error_code: SensitiveText | None = None
    failed: bool = False
    error_outcome: Outcome | None = None
    content_filtered: bool = False

    def add_prompt(self, role: Role, parts: list[SensitiveText]) -> None:
        """Add a turn to the request, unless it has no parts."""
        if parts:
            self.prompt.append(Message(role, parts))

    def add_completion(self, parts: list[SensitiveText]) -> None:
        """Add a turn of the model to the response, unless it has no parts."""
        if parts:
            self.response.append(Message(Role.ASSISTANT, parts))

    def verdict_of(self, reporter: ThreatReporter) -> Verdict:
        """The verdict on this exchange, to add findings to; the first reporter stays."""
        if self.verdict is None:
            self.verdict = Verdict(reporter)
        return self.verdict

    def add_attachments(self, number: int) -> None:
        """Count files, images and other media of the request."""
        if number:
            self.attachments = (self.attachments or 0) + number

    def add_cached(self, read: int | None, written: int | None) -> None:
        """Note input tokens that were read from and written to a cache, where a usage tells them."""
        self.cached_input_tokens = self.cached_input_tokens if read is None else read
        self.cache_write_tokens = self.cache_write_tokens if written is None else written

    def sum_tokens(self) -> None:
        """Add up input and output tokens, if both are known and the total is not."""
        if self.total_tokens is None and self.input_tokens is not None and self.output_tokens is not None:
            self.total_tokens = self.input_tokens + self.output_tokens

    def fill(self, other: Exchange, *names: str) -> None:
        """Copy fields from another exchange, where this one does not know them.

        Args:
            other: what is known from elsewhere about the same call.
            names: the fields to copy.
        """
        for name in names:
            value = getattr(self, name)
            if value is None or value is False or value == []:
                setattr(self, name, getattr(other, name))
            else:
                prefer(value, getattr(other, name) or None)

    def apply(self, event: AuditEvent) -> None:
        """Copy everything into an event, where the record around the bodies has not told it."""
        event.operation = event.operation or self.operation
        event.provider = event.provider or self.provider
        self._apply_names(event)
        self._apply_counts(event)
        event.prompt_messages.extend(self.prompt)
        event.response_messages.extend(self.response)
        if self.verdict is not None:
            self.verdict.apply(event)
        if self.content_filtered:
            event.outcome_status = Outcome.CONTENT_FILTERED
        elif self.failed and event.outcome_status in (None, Outcome.SUCCESS, Outcome.FAILURE):
            # Some gateways answer with status 200 and an error in the body: the body is right, and tells more.
            event.outcome_status = self.error_outcome or Outcome.FAILURE
        elif event.outcome_status is None and (self.response or self.finish_reasons or self.output_tokens is not None):
            # Nothing tells how the call ended, but there is a response: it succeeded.
            event.outcome_status = Outcome.SUCCESS

    def _apply_names(self, event: AuditEvent) -> None:
        if self.requested_model is not None:
            event.model_name = prefer(event.model_name, self.requested_model)
        if self.answered_model is not None:
            event.model_name = event.model_name or self.answered_model
            event.model_version = prefer(event.model_version, self.answered_model)
        if self.request_id is not None:
            event.request_id = prefer(event.request_id, self.request_id)
        if self.user is not None:
            event.user_id = prefer(event.user_id, self.user)
        if self.conversation_id is not None:
            event.conversation_id = prefer(event.conversation_id, self.conversation_id)
        if self.timestamp is not None:
            event.timestamp = prefer(event.timestamp, self.timestamp)
        if self.error_code is not None:
            event.error_code = prefer(event.error_code, self.error_code)
        if self.tool_calls:
            event.tool_calls = prefer(event.tool_calls, self.tool_calls)

    def _apply_counts(self, event: AuditEvent) -> None:
        # As ``prefer``, without a call for every number of every record.
        for name, value in zip(FACTS, _facts_of(self), strict=True):
            if value is None:
                continue
            if getattr(event, name) is None:
                setattr(event, name, value)
            else:
                note_dropped("", value, DUPLICATE)
        if event.token_count is None:
            event.token_count = self.total_tokens
        elif self.total_tokens is not None:
            note_dropped("", self.total_tokens, DUPLICATE)
        if self.finish_reasons:
            event.finish_reasons = prefer(event.finish_reasons, self.finish_reasons)
