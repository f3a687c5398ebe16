"""Stands in for a model, so that the example needs no account: it answers every question with the same sentence."""

from __future__ import annotations

from typing import Any

from call_log import Messages

ANSWER = "That is a good question."


def answer(model: str, messages: Messages) -> dict[str, Any]:
    """A completion as OpenAI's API gives it; it counts a token for each word."""
    prompt_tokens = sum(len(message["content"].split()) for message in messages)
    completion_tokens = len(ANSWER.split())
    return {
        "id": "chatcmpl-stub",
        "object": "chat.completion",
        "model": f"{model}-2026-01-01",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"},
        ],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
    }
