"""FastChat's conversation log (``<date>-conv.json``): chats of its web server, and votes on them.

A record has the whole conversation so far: ``state`` with the names of the two roles and the messages as pairs of role
and text, the newest last. In the arena a vote has two conversations, one of each model, in ``states``. The first role
is the user's. The first ``offset`` messages are examples of the template. ``ip`` is the client's address; there are no
users and no tokens. Times are epoch seconds; the log is written when the response has ended.

A vote repeats conversations that were logged before: it is ``ai_access`` too, with the vote as its operation.

Built from FastChat's source (``serve/gradio_web_server.py``, ``conversation.py``) as of 2026-11-26.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_parsers.event import AuditEvent, Kind, Message, Operation, Outcome, Role, SensitiveText
from veilog_parsers.record.dropped import Why, note_dropped
from veilog_parsers.record.fields import (
    dicts,
    drop_keys,
    ignored_keys,
    pop_identifier,
    pop_number,
    pop_same_text,
    pop_str,
)
from veilog_parsers.record.network import pop_address
from veilog_parsers.record.prose import is_word
from veilog_parsers.record.raw import Fields
from veilog_parsers.record.times import parse_time, pop_elapsed, pop_time
from veilog_parsers.source import Source, Stability

_IGNORED_KEYS: Final = ignored_keys("gen_params:plain models:list")
_IGNORED_STATE_KEYS: Final = ignored_keys(
    "ans_models:list offset:number roles:list router_outputs:plain template_name has_csam_image:flag"
)


def _is_conversation(fields: Fields) -> bool:
    state = fields.get("state")
    states = fields.get("states")
    first = state if type(state) is dict else next(iter(dicts(states)), {})
    return type(first.get("messages")) is list and ("conv_id" in first or "template_name" in first)


def _read_state(state: Fields, event: AuditEvent) -> None:
    """Read a conversation; its last message is the response, unless the model has not written it."""
    # Of the two conversations of a vote, the first one's model and id are read.
    if event.conversation_id is None:
        event.conversation_id = pop_identifier(state, "conv_id")
    if event.model_name is None:
        event.model_name = pop_identifier(state, "model_name")
    elif isinstance(event.model_name, SensitiveText):
        pop_same_text(state, event.model_name, "model_name")
    system = pop_str(state, "system_message")
    if system is not None:
        event.prompt_messages.append(Message(Role.SYSTEM, [SensitiveText(system)]))
    roles, messages = state.get("roles"), state["messages"] if type(state.get("messages")) is list else []
    assistant = roles[1] if type(roles) is list and len(roles) > 1 else "ASSISTANT"
    for position, message in enumerate(messages):
        if type(message) is not list or not message:
            continue
        by_model = message[0] == assistant
        texts = _texts(message, event)
        if not texts:
            continue
        turn = Message(Role.ASSISTANT if by_model else Role.USER, texts)
        is_response = by_model and position == len(messages) - 1
        (event.response_messages if is_response else event.prompt_messages).append(turn)
    messages[:] = [message for message in messages if message]
    drop_keys(state, _IGNORED_STATE_KEYS)


def _texts(message: list[Any], event: AuditEvent) -> list[SensitiveText]:
    """Take the texts of a message: a text, or a text and the hashes or links of images."""
    role, content = message[0], message[1] if len(message) > 1 else None
    pieces = content if type(content) is list else [content]
    images = pieces[1] if len(pieces) > 1 and type(pieces[1]) is list else []
    event.attachments = (event.attachments or 0) + len(images) or None
    if type(pieces[0] if pieces else None) is not str:
        return []
    texts = [SensitiveText(pieces[0])] if pieces[0] else []
    rest: list[Any] = [item for item in [*pieces[1:], *message[2:]] if item]
    if is_word(role) and not rest:
        note_dropped("", role, Why.TEXT_READ)
        message.clear()
    else:
        message[:] = [role, *rest]
    return texts


def parse(fields: Fields) -> AuditEvent:
    """Read one record."""
    start, finish = pop_number(fields, "start"), pop_number(fields, "finish")
    written = pop_time(fields, "tstamp")
    event = AuditEvent(
        kind=Kind.AI_ACCESS,
        operation=Operation.CHAT,
        api_operation=pop_identifier(fields, "type"),
        timestamp=parse_time(start) or written,
        model_name=pop_identifier(fields, "model"),
        client_ip=pop_address(fields, "ip"),
    )
    if start is not None and finish is not None:
        seconds = pop_elapsed({"": finish - start}, "")
        event.latency_ms = None if seconds is None else round(seconds * 1000, 1)
    for state in dicts([fields.get("state")]) + dicts(fields.get("states")):
        _read_state(state, event)
    event.outcome_status = Outcome.SUCCESS if event.response_messages else None
    drop_keys(fields, _IGNORED_KEYS)
    return event


SOURCE: Final = Source(
    name="fastchat",
    summary="FastChat's log of conversations and votes.",
    stability=Stability.BETA,
    never_carries="Users, tokens, failed requests.",
    references=("https://github.com/lm-sys/FastChat/blob/main/fastchat/serve/gradio_web_server.py",),
    markers={"tstamp": _is_conversation},
    parse=parse,
)
