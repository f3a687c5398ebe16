"""What an endpoint or a provider's name tells: the operation, the provider and the model of a call."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote

from veilog_parsers.event import Constant, Operation, SensitiveText
from veilog_parsers.record.fields import as_identifier, peek, pop, pop_identifier
from veilog_parsers.record.network import without_query
from veilog_parsers.record.raw import Fields

PROVIDERS: Final = {
    "azure": "azure.ai.openai",
    "azure-openai": "azure.ai.openai",
    "azure_openai": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "google": "gcp.gemini",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "google-ai-studio": "gcp.gemini",
    "google-vertex-ai": "gcp.vertex_ai",
    "aws-bedrock": "aws.bedrock",
    "azure-ai": "azure.ai.inference",
    "azure_ai": "azure.ai.inference",
    "grok": "x_ai",
    "llama2": "meta",
    "together-ai": "together_ai",
    "vertex-ai": "gcp.vertex_ai",
    "workers-ai": "cloudflare.workers_ai",
    "vertex": "gcp.vertex_ai",
    "vertex_ai": "gcp.vertex_ai",
    "xai": "x_ai",
}
"""What logs call a provider, where that is not what OpenTelemetry calls it."""

_HOSTS: Final = (
    ("openai.azure.com", "azure.ai.openai"),
    ("cognitiveservices.azure.com", "azure.ai.openai"),
    ("services.ai.azure.com", "azure.ai.inference"),
    ("inference.ai.azure.com", "azure.ai.inference"),
    ("api.openai.com", "openai"),
    ("api.anthropic.com", "anthropic"),
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("api.mistral.ai", "mistral_ai"),
    ("api.groq.com", "groq"),
    ("api.deepseek.com", "deepseek"),
    ("api.perplexity.ai", "perplexity"),
    ("api.x.ai", "x_ai"),
    ("api.cohere.com", "cohere"),
    ("api.cohere.ai", "cohere"),
    ("api.together.xyz", "together_ai"),
    ("api.together.ai", "together_ai"),
    ("openrouter.ai", "openrouter"),
    ("amazonaws.com", "aws.bedrock"),
)

_ENDPOINTS: Final[tuple[tuple[str, Operation | None], ...]] = (
    ("/chat/completions", Operation.CHAT),
    ("/completions", Operation.TEXT_COMPLETION),
    ("/embeddings", Operation.EMBEDDINGS),
    ("/images/generations", Operation.IMAGE_GENERATION),
    ("/images/edits", Operation.IMAGE_GENERATION),
    ("/images/variations", Operation.IMAGE_GENERATION),
    ("/audio/speech", None),
    ("/audio/transcriptions", None),
    ("/audio/translations", None),
    ("/moderations", Operation.MODERATION),
    ("/rerank", Operation.RETRIEVAL),
    ("/v1/responses", Operation.CHAT),
    ("/openai/responses", Operation.CHAT),
    ("/v1/messages", Operation.CHAT),
    ("/v1/complete", Operation.TEXT_COMPLETION),
    ("/v2/chat", Operation.CHAT),
    ("/v2/embed", Operation.EMBEDDINGS),
    (":generateContent", Operation.GENERATE_CONTENT),
    (":streamGenerateContent", Operation.GENERATE_CONTENT),
    (":embedContent", Operation.EMBEDDINGS),
    (":batchEmbedContents", Operation.EMBEDDINGS),
    ("/invoke", None),
    ("/invoke-with-response-stream", None),
    ("/converse", Operation.CHAT),
    ("/converse-stream", Operation.CHAT),
)
"""How the paths of model APIs end. Speech has no operation of its own, and Bedrock's invoke may be any."""
_VERSIONED: Final = re.compile(r"/v[12](?:alpha|beta|/)|/openai/|/model/[^/]{1,256}/(?:invoke|converse)")
"""What their paths have besides: many an application has ``/embeddings`` or ``/completions`` of its own."""

_MODEL_IN_PATH: Final = re.compile(r"/(?:deployments|models|engines|model)/([^/:\s]{1,256})")


def _ending(endpoint: Any) -> tuple[str, Operation | None] | None:
    if type(endpoint) is str:
        path = without_query(endpoint).rstrip("/")
        if _VERSIONED.search(path):
            for known in _ENDPOINTS:
                if path.endswith(known[0]):
                    return known
    return None


def is_model_api(endpoint: Any) -> bool:
    """Whether a path or URL is a model API's, as far as its end tells."""
    return _ending(endpoint) is not None


def operation_at(endpoint: Any) -> Operation | None:
    """What is called at a path or URL; None if it is no model API's, or not one operation's."""
    found = _ending(endpoint)
    return found[1] if found else None


def provider_at(endpoint: str) -> Constant | None:
    """Who answers at a URL, as far as its host tells."""
    authority = endpoint.partition("://")[2].partition("/")[0].partition(":")[0]
    if not authority:
        return None
    for host, provider in _HOSTS:
        if authority.endswith(host):
            return Constant(provider)
    return None


def model_at(endpoint: str) -> SensitiveText | None:
    """The model that a path names."""
    found = _MODEL_IN_PATH.search(endpoint)
    return as_identifier(unquote(found[1])) if found else None


def pop_provider(fields: Fields, *path: str) -> SensitiveText | Constant | None:
    """Pop a provider's name, as OpenTelemetry spells it."""
    name = peek(fields, *path)
    if type(name) is str and name.lower() in PROVIDERS:
        pop(fields, *path)
        return Constant(PROVIDERS[name.lower()])
    return pop_identifier(fields, *path)
