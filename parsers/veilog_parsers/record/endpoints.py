"""The operation, the provider and the model of a call, from its endpoint or from the name of its provider.

Many logs say only which path of which host was called. And what they call a provider differs from log to log: here each
gets the name that OpenTelemetry has for it, so that a SIEM needs one.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote

from veilog_parsers.event import Constant, Operation, SensitiveText, Text
from veilog_parsers.record.fields import as_identifier, peek, pop, pop_identifier
from veilog_parsers.record.network import without_query
from veilog_parsers.record.raw import Fields

_PROVIDER_ALIASES: Final = {
    "amazon": "aws.bedrock",
    "aws": "aws.bedrock",
    "aws-bedrock": "aws.bedrock",
    "az.ai.inference": "azure.ai.inference",
    "az.ai.openai": "azure.ai.openai",
    "azure": "azure.ai.openai",
    "azure-ai": "azure.ai.inference",
    "azure-openai": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "azure_openai": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "google": "gcp.gen_ai",
    "google-ai-studio": "gcp.gemini",
    "google-vertex-ai": "gcp.vertex_ai",
    "grok": "x_ai",
    "llama2": "meta",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "together-ai": "together_ai",
    "vertex": "gcp.vertex_ai",
    "vertex-ai": "gcp.vertex_ai",
    "vertex_ai": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "workers-ai": "cloudflare.workers_ai",
    "xai": "x_ai",
}
"""Providers by the names that logs have for them, in lower case, where OpenTelemetry has another name.

``google`` may be the Gemini API or Vertex AI: ``gcp.gen_ai`` is OpenTelemetry's name for any of Google's.
"""

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
"""How the paths of model APIs end. None where there is no operation (speech) or the path does not tell (Bedrock)."""
_VERSIONED: Final = re.compile(r"/v[12](?:alpha|beta|/)|/openai/|/model/[^/]{1,256}/(?:invoke|converse)")
"""What else their paths contain: other applications, too, have paths that end in ``/embeddings`` or the like."""

_MODEL_IN_PATH: Final = re.compile(r"/(?:deployments|models|engines|model)/([^/:\s]{1,256}(?::[0-9]{1,4}(?![^/]))?)")


def _known_ending(endpoint: Any) -> tuple[str, Operation | None] | None:
    if type(endpoint) is str:
        path = without_query(endpoint).rstrip("/")
        if _VERSIONED.search(path):
            for known in _ENDPOINTS:
                if path.endswith(known[0]):
                    return known
    return None


def is_model_api(endpoint: Any) -> bool:
    """Whether a path or URL looks like one of a model API."""
    return _known_ending(endpoint) is not None


def operation_at(endpoint: Any) -> Operation | None:
    """The operation that a path or URL of a model API stands for; None if it is of none, or of several."""
    found = _known_ending(endpoint)
    return found[1] if found else None


def provider_at(endpoint: str) -> Constant | None:
    """The provider that a URL's host belongs to."""
    authority = endpoint.partition("://")[2].partition("/")[0].partition(":")[0]
    if not authority:
        return None
    for host, provider in _HOSTS:
        if authority.endswith(host):
            return Constant(provider)
    return None


def model_at(endpoint: str) -> SensitiveText | None:
    """The model in a path."""
    found = _MODEL_IN_PATH.search(endpoint)
    return as_identifier(unquote(found[1])) if found else None


def provider_named(name: str) -> Constant | None:
    """OpenTelemetry's name of a provider that a log names differently; None if the log's name is as good."""
    provider = _PROVIDER_ALIASES.get(name.lower())
    return None if provider is None else Constant(provider)


def pop_provider(fields: Fields, *path: str) -> Text | None:
    """Pop a provider's name, as OpenTelemetry spells it."""
    name = peek(fields, *path)
    provider = provider_named(name) if type(name) is str else None
    if provider is None:
        return pop_identifier(fields, *path)
    pop(fields, *path)
    return provider
