"""Dify: messages of its apps, as its API, its console and its database have them, and events of its workflows.

A message is a question with its answer: ``query``, ``answer``, and in the console ``message``, the whole prompt. An
event (``event``, ``task_id``) is a piece of a streamed answer, its end, or the end of a workflow or of one of its
nodes, whose facts are under ``data``. Pitfalls:

* ``inputs`` are the variables of the form: they are in the prompt, so they count as the user's.
* Prices have a currency; only dollars are read as costs. ``latency`` and ``elapsed_time`` are in seconds.
* The user is an end user (an id that the application chose) or an account of Dify.
* What a knowledge base gave is quoted under ``retriever_resources``: it is part of the request, as what a tool said.

(From api/fields/conversation_fields.py, api/core/app/entities/task_entities.py of the repository and "Chat App API" of
its documentation, read 2026-11-26.)
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.bodies.rest import drop_repeated, texts_of
from veilog_parsers.bodies.traced import retrieved
from veilog_parsers.event import AuditEvent, Operation
from veilog_parsers.record.fields import (
    as_identifier,
    dicts,
    drop,
    drop_keys,
    ignored_keys,
    merge,
    paths,
    peek,
    pop,
    pop_str,
)
from veilog_parsers.record.raw import Fields
from veilog_parsers.source import Source, Stability
from veilog_parsers.sources.dialect import Dialect, parser_of, put
from veilog_parsers.sources.facts import facts, read_facts

_FACTS: Final = facts("""
    timestamp               created_at
    request_id              message_id id
    conversation_id         conversation_id
    trace_id                workflow_run_id task_id
    user_id                 from_end_user_id from_account_id created_by/user created_by/id user
    user_name               from_account_name created_by/name
    agent.id                app_id workflow_id
    agent.name              app_name
    provider                process_data/model_provider model_provider
    model_name              process_data/model_name model_name model_id
    input_tokens            message_tokens metadata/usage/prompt_tokens process_data/usage/prompt_tokens
                            outputs/usage/prompt_tokens
    output_tokens           answer_tokens metadata/usage/completion_tokens process_data/usage/completion_tokens
                            outputs/usage/completion_tokens
    token_count             metadata/usage/total_tokens process_data/usage/total_tokens
                            outputs/usage/total_tokens
    latency_ms:s            provider_response_latency elapsed_time metadata/usage/latency
    time_to_first_token_ms:s metadata/usage/time_to_first_token
    error_code              code
""")
_PRICE: Final = facts("cost_usd total_price")
_TOTAL: Final = facts("token_count total_tokens")
_PRICES: Final = (
    ("metadata", "usage"),
    ("process_data", "usage"),
    ("outputs", "usage"),
    ("execution_metadata",),
    (),
)
_IGNORED_KEYS: Final = ignored_keys(
    """
    annotation:plain annotation_hit_history:plain answer_price_unit:number answer_unit_price:number app_id code currency
    event execution_metadata:plain feedback:plain feedbacks:plain finished_at:number from_source index:number
    message_files:plain message_price_unit:number message_unit_price:number mode node_execution_id node_id node_type
    parent_message_id position:number predecessor_node_id retry_index:number sequence_number:number status task_id title
    total_price total_steps:number total_tokens:number updated_at:number workflow_id
    """
)
_IGNORED_USAGE_KEYS: Final = ignored_keys(
    """
    completion_price completion_price_unit completion_tokens:number completion_unit_price currency latency:number
    prompt_price prompt_price_unit prompt_tokens:number prompt_unit_price time_to_first_token:number
    time_to_generate:number total_price total_tokens:number
    """
)
_IGNORED_RESOURCE_KEYS: Final = ignored_keys(
    """
    data_source_type dataset_id dataset_name document_id document_name hit_count:number index_node_hash position:number
    retriever_from score:number segment_id segment_position:number word_count:number
    """
)
_IGNORED_PROCESS_KEYS: Final = ignored_keys("model_mode usage:plain finish_reason")
_ANSWERS: Final = paths("answer outputs/text outputs/answer text thought")
_EVENTS: Final = frozenset(
    (
        *("message", "message_end", "message_replace", "agent_message", "agent_thought", "error", "text_chunk"),
        *("workflow_started", "workflow_finished", "node_started", "node_finished"),
    )
)
_OPERATIONS: Final = {
    "llm": Operation.CHAT,
    "tool": Operation.EXECUTE_TOOL,
    "knowledge-retrieval": Operation.RETRIEVAL,
    "agent": Operation.INVOKE_AGENT,
}
"""Operations by the types of nodes."""


def _is_message(fields: Fields) -> bool:
    return "answer" in fields and "query" in fields and "conversation_id" in fields


def _is_event(fields: Fields) -> bool:
    event = fields.get("event")
    return type(event) is str and event in _EVENTS


def _prepare(fields: Fields) -> None:
    """Bring questions and answers of every kind of record to one place."""
    if _is_event(fields) and type(fields.get("data")) is dict:
        merge(fields, pop(fields, "data"))
    turns = _turns(fields.get("message")) or _turns(peek(fields, "process_data", "prompts"))
    if turns:
        pop(fields, "message") if _turns(fields.get("message")) else pop(fields, "process_data", "prompts")
    elif type(fields.get("inputs")) is dict or type(fields.get("query")) is str:
        variables = pop(fields, "inputs") if type(fields.get("inputs")) is dict else {}
        texts = {key: value for key, value in variables.items() if type(value) is str and value}
        if others := {key: value for key, value in variables.items() if key not in texts}:
            fields["inputs"] = others
        turns = [{"role": "user", "content": [{"type": "text", "text": text} for text in texts.values()]}]
        turns = turns if texts else []
        if type(fields.get("query")) is str and fields["query"]:
            turns.append({"role": "user", "content": pop(fields, "query")})
    found = retrieved(_resources(fields), "content")
    if found or turns:
        put(fields, "asked", {"messages": [found, *turns] if found else turns})
    answer = [*map(_thought, dicts(pop(fields, "agent_thoughts") if _are_thoughts(fields) else None))]
    answer += [{"type": "text", "text": text} for path in _ANSWERS if (text := pop_str(fields, *path))]
    if answer:
        put(fields, "answered", {"choices": [{"message": {"content": answer}}]})


def _resources(fields: Fields) -> list[Fields]:
    return dicts(peek(fields, "metadata", "retriever_resources")) or dicts(fields.get("retriever_resources"))


def _turns(prompts: Any) -> list[Fields]:
    """The messages of a whole prompt, whose texts are under ``text``; none if it is no list of messages alone."""
    turns = dicts(prompts)
    is_prompt = turns and len(turns) == len(prompts) and all("text" in turn or "content" in turn for turn in turns)
    return turns if is_prompt else []


def _are_thoughts(fields: Fields) -> bool:
    thoughts = fields.get("agent_thoughts")
    return type(thoughts) is list and all(type(thought) is dict for thought in thoughts)


def _thought(thought: Fields) -> Fields:
    """A step of an agent as a block: what it thought, the tool that it called, and what that gave."""
    kind = "tool_call" if thought.get("tool") else "text"
    drop_keys(thought, _IGNORED_THOUGHT_KEYS)
    return {"type": kind} | {_THOUGHT_KEYS.get(key, key): value for key, value in thought.items()}


_THOUGHT_KEYS: Final = {"thought": "content", "tool": "name", "tool_input": "arguments", "observation": "output"}
_IGNORED_THOUGHT_KEYS: Final = ignored_keys(
    "chain_id created_at:number files:plain id message_id position:number tool_labels:plain"
)


def _finish(fields: Fields, event: AuditEvent) -> None:
    for path in _PRICES:
        holder = peek(fields, *path)
        if type(holder) is dict and holder.get("currency") == "USD":
            read_facts(holder, _PRICE, event)
        if type(holder) is dict:
            read_facts(holder, _TOTAL, event)
            drop_keys(holder, _IGNORED_USAGE_KEYS if path else _IGNORED_KEYS)
    resources = _resources(fields)
    for resource in resources[:1]:
        event.knowledge_base_id = as_identifier(resource.get("dataset_id"))
    event.data_sources = [name for item in resources if (name := as_identifier(item.get("document_id")))] or None
    for resource in resources:
        drop_keys(resource, _IGNORED_RESOURCE_KEYS)
    kind = fields.get("node_type")
    event.operation = (_OPERATIONS.get(kind) if type(kind) is str else None) or event.operation
    if _is_event(fields) and str(fields["event"]).startswith("workflow"):
        event.operation = Operation.INVOKE_AGENT
    event.operation = event.operation or Operation.CHAT
    event.attachments = event.attachments or len(dicts(fields.get("message_files"))) or None
    texts = [*texts_of(event.prompt_messages), *texts_of(event.response_messages)]
    drop_repeated(fields, texts, "query", "outputs", "message")
    if type(fields.get("process_data")) is dict:
        drop_keys(fields["process_data"], _IGNORED_PROCESS_KEYS)
    drop(fields, ("metadata", "annotation_reply"))


SOURCE: Final = Source(
    name="dify",
    summary="Dify's messages and events: questions and answers of its apps, nodes and ends of its workflows.",
    stability=Stability.BETA,
    never_carries="The caller's address; the model, in messages.",
    references=(
        "https://docs.dify.ai/api-reference/chat/send-chat-message",
        "https://github.com/langgenius/dify/blob/main/api/fields/conversation_fields.py",
    ),
    markers={"answer": _is_message, "task_id": _is_event},
    parse=parser_of(
        Dialect(
            facts=_FACTS,
            inputs=paths("asked"),
            outputs=paths("answered outputs"),
            finish_reasons=paths("process_data/finish_reason outputs/finish_reason"),
            statuses=paths("status"),
            errors=paths("error"),
            opened=paths("inputs message metadata process_data outputs execution_metadata"),
            holders=paths("data"),
            ignored=_IGNORED_KEYS,
            prepare=_prepare,
            finish=_finish,
        )
    ),
)
