"""Tells by evidence whether a record is one of traffic with a model, where no key of a known format does.

A home-grown log has no schema: ``{"model": "gpt-4o", "prompt": ...}`` is one, and so is ``{"model": "LaserJet",
"prompt": "Ready"}`` of a printer. So each sign has a weight, and a record is AI traffic if the weights of its signs
reach ``BAR``. Signs of one group say the same, so only the heaviest of a group counts (two names of a model are no
better than one). No sign counts for its key alone: its value must be what it should be (a text, a count, a known word).

The weights say how often a sign is seen in other logs:

* 10: the structure of a model's request or response, which nothing else has.
* 8: a word or structure that others have by rare chance.
* 4 to 6: a name that is usual for models and rare elsewhere (``completion``, ``prompt_tokens``).
* 1 to 3: a name that everybody has (``input``, ``answer``, ``model``).

So one unmistakable sign is enough, and weak ones need company: a known model and a question; an unknown model and a
prompt and a completion. ``SIGNS`` is the table. ``COUNTER_SIGNS`` are keys of other trades, which have prompts and
models too.

The keys of a record decide which signs it can have. They are looked up once for each set of keys, and no value is
looked at if all signs together could not reach the bar. Values are then looked at group by group, and no longer than
the bar can be reached. A text is looked at up to ``_LOOKED_AT`` characters, a list up to its first object.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from veilog_parsers.record.fields import keyset
from veilog_parsers.record.keysets import KeySetCache
from veilog_parsers.record.raw import Fields

BAR: Final = 10
"""The weight that makes a record one of AI traffic."""

_LOOKED_AT: Final = 2048
_MAX_NAME_CHARS: Final = 256

_FAMILIES: Final = (
    # OpenAI
    r"(?:chat)?gpt-?(?:3\.?5|[4-9]|oss|image|realtime|audio)",
    r"o[134](?:-(?:mini|preview|pro|deep-research|20\d\d)|$)",
    r"text-(?:embedding|davinci|moderation)-|davinci-00|babbage-00|dall-e-|whisper-|tts-1|omni-moderation",
    # Anthropic, Google
    r"claude-(?:[1-9]|v[1-9]|instant|opus|sonnet|haiku)",
    r"gemini-(?:[1-9]|pro|flash|ultra|exp|embedding|live)|gemma-?[1-9]|(?:text|chat|code)-bison|(?:text-)?multimodalembed",
    # Meta, Mistral
    r"(?:meta-?)?llama-?v?[1-9]|codellama|mistral-(?:tiny|small|medium|large|nemo|7b|embed|saba|ocr)|open-mi[sx]tral",
    r"mistral\.|mixtral|ministral|magistral|codestral|devstral|pixtral",
    # Amazon, Cohere, AI21
    r"amazon\.|titan-(?:text|embed|image|tg1)|nova-(?:micro|lite|pro|premier|sonic|canvas|reel)",
    r"cohere\.|command-(?:r|a|light|nightly|text)|embed-(?:english|multilingual|v)|rerank-(?:english|multilingual|v)",
    r"jamba|ai21\.|j2-(?:ultra|mid|jumbo)",
    # Others that serve their own weights
    r"deepseek-|qwen-?(?:[1-9]|max|plus|turbo|vl|coder)|qwq-|grok-(?:[1-9]|beta|code)|phi-?[1-9]|glm-[4-9]|kimi-|moonshot-v",
    r"sonar(?:-(?:pro|reasoning|deep-research)|$)|granite-[1-9]|nemotron|yi-(?:large|34b|lightning)|dbrx|minimax-",
    # Open weights
    r"falcon-\d+b|vicuna|wizardlm|tinyllama|smollm|starcoder|zephyr-7b|hermes-[23]|olmo-|solar-|bge-|nomic-embed|mxbai-embed",
)
_FAMILY: Final = re.compile(rf"(?:^|[/:.@~])(?:{'|'.join(_FAMILIES)})", re.IGNORECASE)
"""How names of models begin, by family, also behind a provider, a region or a path (``us.anthropic.claude-3-...``)."""
_PROVIDERS: Final = keyset(
    """
    ai21 anthropic aws_bedrock azure-openai azure_openai azureopenai bedrock cohere deepseek fireworks fireworks_ai
    gemini groq huggingface litellm mistral mistral_ai mistralai ollama openai openrouter perplexity together
    together_ai togetherai vertex_ai vertexai vllm watsonx xai x_ai
    """
)
"""Names of providers that serve nothing but models. (A cloud's name says nothing.)"""
_FINISH_REASONS: Final = keyset(
    """
    stop length end_turn max_tokens tool_calls tool_use function_call content_filter stop_sequence eos_token
    guardrail_intervened content_filtered refusal pause_turn STOP MAX_TOKENS SAFETY COMPLETE FINISH FINISHED LENGTH
    """
)
_ROLES: Final = {
    **dict.fromkeys(("assistant", "system", "developer", "tool", "CHATBOT", "ai"), 5),
    **dict.fromkeys(("user", "human", "USER", "model", "bot", "function"), 4),
}
"""Roles of turns. Other systems have users too, so theirs weigh less."""
_OBJECTS: Final = keyset("chat.completion chat.completion.chunk text_completion thread.message realtime.response")
_PHRASE: Final = re.compile(r"(?<![^\W\d_])[^\W\d_]++[,;:]? [^\W\d_]++[,;:]? [^\W\d_]|[^\x00-\x7f]{6}")
"""Three words in a row, or six characters of a script that does not need blanks."""
_WORD: Final = re.compile(r"[^\W\d_]{2}|[^\x00-\u2fff]")
"""A word: two letters, or a character of a script that writes words with one."""
_TURN_KEYS: Final = keyset(
    """
    content conversation_id created created_at createdAt date finish_reason function_call id index message_id model
    name parent_id parts refusal role session_id thread_id text time timestamp tokens tool_call_id tool_calls ts turn
    type usage user user_id
    """
)
"""What a turn of a chat has, and nothing else: a record with further keys may be any other that has a role."""
_COHERE_KEYS: Final = keyset(
    """
    chat_history connectors conversation_id documents k max_tokens message model p preamble seed stop_sequences stream
    temperature tool_results tools user
    """
)

Weigh = Callable[[Any, Fields], int]


def _is_phrase(text: str) -> bool:
    return _PHRASE.search(text[:_LOOKED_AT]) is not None


def _text(phrase: int, word: int) -> Weigh:
    """The weight of a text, or of a list of texts: of a phrase, and of one or two words. Numbers have none."""

    def weigh(value: Any, _fields: Fields) -> int:
        if type(value) is list and value:
            value = value[0]
        if type(value) is not str or not _WORD.search(value[:_LOOKED_AT]):
            return 0
        return phrase if _is_phrase(value) else word

    return weigh


def _model(known: int, other: int) -> Weigh:
    def weigh(value: Any, _fields: Fields) -> int:
        if type(value) is not str or not 0 < len(value) <= _MAX_NAME_CHARS:
            return 0
        return known if _FAMILY.search(value) else other

    return weigh


def _member(known: frozenset[str], weight: int) -> Weigh:
    return lambda value, _fields: weight if type(value) is str and (value in known or value.lower() in known) else 0


def _number(weight: int) -> Weigh:
    return lambda value, _fields: weight if type(value) in (int, float) else 0


def _count_with(*others: str) -> Weigh:
    """The weight of a token count: of both sides 8, of one 6."""

    def weigh(value: Any, fields: Fields) -> int:
        if type(value) is not int:
            return 0
        return 8 if any(type(fields.get(key)) is int for key in others) else 6

    return weigh


_TOKEN_COUNTS: Final = keyset(
    """
    prompt_tokens completion_tokens input_tokens output_tokens inputTokens outputTokens promptTokenCount
    prompt_token_count candidatesTokenCount promptTokens completionTokens
    """
)


def _usage(value: Any, _fields: Fields) -> int:
    return 8 if type(value) is dict and not _TOKEN_COUNTS.isdisjoint(value) else 0


def _tokens(value: Any, _fields: Fields) -> int:
    if type(value) is dict:
        sides = [value.get(key) for key in ("prompt", "completion", "input", "output")]
        return 6 if sum(type(side) is int for side in sides) > 1 else 0
    return 2 if type(value) is int else 0


def _first(value: Any) -> Fields:
    """The first object of a list; an empty one if there is none."""
    first = value[0] if type(value) is list and value else None
    return first if type(first) is dict else {}


def _turns(value: Any, _fields: Fields) -> int:
    """Messages with known roles and contents, or Gemini's contents with parts; also as JSON, or ``repr``, in a text."""
    if type(value) is str:
        head = value[:_LOOKED_AT]
        return 10 if head.lstrip()[:1] == "[" and ("'role':" in head or '"role":' in head) else 0
    turn = _first(value)
    parts = turn.get("parts")
    if type(parts) is list and "text" in _first(parts):
        return 10
    role = turn.get("role")
    known = type(role) is str and role in _ROLES
    return 10 if known and not turn.keys().isdisjoint(("content", "message", "parts", "tool_calls")) else 0


def _prompt(value: Any, fields: Fields) -> int:
    """Messages, a phrase, a word, or whatever somebody has typed: ``x``, ``2+2``, ``C:\\>``."""
    return _turns(value, fields) or _text(6, 4)(value, fields) or (2 if type(value) is str and value.strip() else 0)


def _input(value: Any, fields: Fields) -> int:
    return _turns(value, fields) or _text(2, 2)(value, fields)


def _message(value: Any, fields: Fields) -> int:
    """An object with a role is one of Ollama's or Cohere's; a text is a prompt only beside an answer to it."""
    if type(value) is dict:
        role = value.get("role")
        return 8 if type(role) is str and role in _ROLES and "content" in value else 0
    if any(type(fields.get(key)) is str for key in ("reply", "answer", "completion")) or fields.keys() <= _COHERE_KEYS:
        return _text(2, 2)(value, fields)
    return 0


def _choices(value: Any, _fields: Fields) -> int:
    choice = _first(value)
    if type(choice.get("message")) is dict or type(choice.get("delta")) is dict:
        return 10
    return 10 if type(choice.get("text")) is str and not choice.keys().isdisjoint(("finish_reason", "logprobs")) else 0


def _candidates(value: Any, _fields: Fields) -> int:
    candidate = _first(value)
    content = candidate.get("content")
    return 10 if type(content) is dict and not content.keys().isdisjoint(("parts", "role")) else 0


def _output(value: Any, _fields: Fields) -> int:
    """Converse's message, or the items of OpenAI's responses."""
    message = value.get("message") if type(value) is dict else None
    if type(message) is dict and "role" in message:
        return 10
    item = _first(value)
    return 10 if item.get("type") in ("message", "reasoning", "function_call") and "id" in item else 0


def _type(value: Any, fields: Fields) -> int:
    """Anthropic's message."""
    is_message = value == "message" and fields.get("role") == "assistant" and type(fields.get("content")) is list
    return 10 if is_message else 0


def _data(value: Any, _fields: Fields) -> int:
    return 10 if _first(value).get("object") == "embedding" else 0


def _answers(value: Any, _fields: Fields) -> int:
    """The alternatives of a flat response (``bodies.flat``)."""
    answer = _first(value)
    return 6 if any(type(answer.get(key)) is str for key in ("outputText", "generated_text", "text")) else 0


_LIMITS: Final = keyset("max_new_tokens maxTokens maxTokenCount maxOutputTokens")


def _parameters(value: Any, _fields: Fields) -> int:
    return (
        8
        if type(value) is dict
        and not value.keys().isdisjoint(("max_new_tokens", "maxTokens", "maxTokenCount", "maxOutputTokens"))
        else 0
    )


CONTENT_KEYS: Final = ("content", "text", "parts")
"""Where a turn has its text."""


def _role(value: Any, fields: Fields) -> int:
    """A turn of a chat; heavier if the record is nothing but a turn. An operator's role has no content."""
    weight = _ROLES.get(value, 0) if type(value) is str else 0
    content = next((fields[key] for key in CONTENT_KEYS if fields.get(key)), None)
    if not weight or type(content) not in (str, list):
        return 0
    return weight + (6 if fields.keys() <= _TURN_KEYS else 2)


class Sign(NamedTuple):
    """A sign that a record is one of AI traffic.

    Attributes:
        group: what it says; of each group the heaviest counts.
        keys: the keys that it stands under.
        most: the greatest weight that it can have.
        weigh: its weight, from its value and the record; 0 if it is none.
        why: why it weighs so much.
    """

    group: str
    keys: frozenset[str]
    most: int
    weigh: Weigh
    why: str


def _spelled(names: str) -> frozenset[str]:
    """Names in snake_case, and the same in camelCase and PascalCase."""
    spelled = set()
    for name in names.split():
        pascal = "".join(part.capitalize() for part in name.split("_"))
        spelled |= {name, pascal[0].lower() + pascal[1:], pascal}
    return frozenset(spelled)


MODEL_KEYS: Final = _spelled("model model_name model_id llm_model ai_model llm model_used gen_ai_model")
PROMPT_KEYS: Final = _spelled(
    """
    prompt user_prompt system_prompt prompt_text full_prompt raw_prompt final_prompt input_prompt llm_prompt ai_prompt
    user_message user_query user_input user_question prompt_content
    """
)
ANSWER_KEYS: Final = _spelled(
    """
    answer_text assistant_reply chat_response completion completion_content completion_text final_answer
    generated_answer generated_response model_answer response_content response_message generation llm_response
    llm_output model_response model_output ai_response ai_message bot_response bot_reply assistant_response
    assistant_message response_text
    """
)
TURNS_KEYS: Final = keyset(
    """
    messages contents chat_history chat_messages conversation conversation_history history input_messages
    prompt_messages request_messages turns
    """
)
_ONE_SIDE: Final = {"input": "output", "prompt": "completion", "output": "input", "completion": "prompt"}

SIGNS: Final = (
    Sign(
        "model", MODEL_KEYS, 8, _model(8, 3), "Seldom a chance if its family is known; cars and printers have models."
    ),
    Sign(
        "model",
        _spelled("engine deployment deployment_name deployment_id model_version"),
        8,
        _model(8, 0),
        "So do databases and clusters.",
    ),
    Sign("model", keyset("modelVersion"), 8, _model(8, 0), "Gemini's name of the model that answered."),
    Sign(
        "prompt",
        PROMPT_KEYS,
        10,
        _prompt,
        "Shells, installers and consoles have prompts: a phrase weighs more than a word.",
    ),
    Sign(
        "prompt",
        keyset("input question query inputs input_text"),
        10,
        _input,
        "Everything has an input; a list of messages is a model's.",
    ),
    Sign("answer", keyset("generated_text"), 10, _text(10, 10), "TGI's own name of its response."),
    Sign("prompt", keyset("inputText"), 6, _text(6, 6), "Titan's own name of its prompt."),
    Sign("prompt", keyset("message"), 8, _message, "Every log line has a message: it counts beside an answer."),
    Sign(
        "prompt",
        TURNS_KEYS,
        10,
        _turns,
        "Objects with roles of a chat.",
    ),
    Sign("answer", ANSWER_KEYS, 6, _text(6, 4), "Names that a model's answer has; a percentage is no completion."),
    Sign(
        "answer",
        keyset("answer response output reply output_text"),
        4,
        _text(4, 1),
        "Everything answers; most answers of machines are words.",
    ),
    Sign(
        "answer",
        keyset("results generations outputs predictions"),
        6,
        _answers,
        "Lists of texts under names of models' APIs.",
    ),
    Sign("body", keyset("choices"), 10, _choices, "OpenAI's alternatives, with a message or text each."),
    Sign("body", keyset("candidates"), 10, _candidates, "Gemini's."),
    Sign("body", keyset("output"), 10, _output, "Converse's, and OpenAI's output items."),
    Sign("body", keyset("type"), 10, _type, "Anthropic's message, whose speaker is the assistant."),
    Sign("body", keyset("object"), 10, _member(_OBJECTS, 10), "OpenAI's names of its objects."),
    Sign("body", keyset("data"), 10, _data, "Embeddings."),
    Sign("body", keyset("role"), 11, _role, "A turn of a chat."),
    Sign("tokens", keyset("usage usageMetadata usage_metadata"), 8, _usage, "Counts of tokens by side."),
    *(
        Sign("tokens", frozenset((name,)), 8, _count_with(other), "Tokens with a side; both sides are seldom a chance.")
        for one, opposite in _ONE_SIDE.items()
        for name, other in ((f"{one}_tokens", f"{opposite}_tokens"), (f"{one}Tokens", f"{opposite}Tokens"))
    ),
    Sign(
        "tokens",
        keyset(
            """
            prompt_token_count prompt_eval_count eval_count
            inputTextTokenCount tokens_predicted
            """
        ),
        8,
        _number(8),
        "Bedrock's, Ollama's and llama.cpp's own names.",
    ),
    Sign(
        "tokens",
        keyset("total_tokens totalTokens tokens_used tokensUsed tokens_in tokens_out"),
        4,
        _number(4),
        "Lexers and limiters count tokens too.",
    ),
    Sign("tokens", keyset("tokens"), 6, _tokens, "OAuth's are texts, and no count."),
    Sign(
        "finish",
        keyset("finish_reason finishReason stop_reason stopReason done_reason"),
        4,
        _member(_FINISH_REASONS, 4),
        "A process stops for other reasons.",
    ),
    Sign(
        "provider",
        keyset("provider llm_provider model_provider llmProvider modelProvider"),
        4,
        _member(_PROVIDERS, 4),
        "Companies that serve nothing but models.",
    ),
    Sign(
        "settings",
        keyset(
            """
            anthropic_version textGenerationConfig inferenceConfig generationConfig generation_config
            max_tokens_to_sample max_gen_len generation_id
            """
        ),
        8,
        lambda value, _fields: 8 if value else 0,
        "Names that one API has.",
    ),
    Sign("settings", keyset("parameters"), 8, _parameters, "Of a request to TGI or Vertex AI."),
    Sign(
        "settings",
        keyset("max_tokens max_completion_tokens max_output_tokens maxTokens n_predict"),
        4,
        _number(4),
        "A limit of tokens.",
    ),
    Sign("settings", keyset("top_p temperature"), 1, _number(1), "Sensors have temperatures."),
)

COUNTER_SIGNS: Final = (
    (keyset("command shell tty argv exit_code exitCode exit_status pwd"), 6, "A terminal has prompts and outputs."),
    (
        keyset("loss val_loss train_loss learning_rate epoch epochs grad_norm global_step accuracy perplexity_score"),
        8,
        "Training a model counts its tokens; nobody asks it anything.",
    ),
    (keyset("vin odometer serial_number serialNumber firmware toner mileage manufacturer"), 6, "Things have models."),
)
"""Keys of other trades, the weight that they take away, and why."""

_KEYS: Final = frozenset().union(*(sign.keys for sign in SIGNS), *(keys for keys, _, _ in COUNTER_SIGNS))
MARKERS: Final = frozenset().union(*(sign.keys for sign in SIGNS if sign.most >= 4))
"""The keys without which no record reaches the bar: lighter signs cannot do it alone."""

_Group = tuple[int, tuple[tuple[str, Weigh], ...]]


class _Plan(NamedTuple):
    """What to look at in records with certain keys.

    Attributes:
        most: the greatest weight that such a record can have.
        groups: for each group, the heaviest first, its greatest weight and the signs to weigh.
    """

    most: int
    groups: tuple[_Group, ...]


def _plan_of(keys: frozenset[str]) -> _Plan:
    groups: dict[str, tuple[int, list[tuple[str, Weigh]]]] = {}
    for sign in SIGNS:
        for key in sorted(sign.keys & keys):
            most, signs = groups.get(sign.group, (0, []))
            groups[sign.group] = (max(most, sign.most), [*signs, (key, sign.weigh)])
    most = sum(weight for weight, _ in groups.values())
    most -= sum(weight for counter, weight, _ in COUNTER_SIGNS if not counter.isdisjoint(keys))
    heaviest_first = sorted(groups.values(), key=lambda group: -group[0])
    return _Plan(most, tuple((weight, tuple(signs)) for weight, signs in heaviest_first))


_PLANS: Final = KeySetCache(_KEYS, _plan_of)


def is_ai_traffic(fields: Fields) -> bool:
    """Whether the signs of a record reach the bar."""
    plan = _PLANS.get(fields)
    reachable = plan.most
    if reachable < BAR:
        return False
    for most, signs in plan.groups:
        heaviest = 0
        for key, weigh in signs:
            weight = weigh(fields[key], fields)
            if weight > heaviest:
                heaviest = weight
        reachable -= most - heaviest
        if reachable < BAR:
            return False
    return True
