"""A small application that asks a model what its users ask it: ``flask --app app run``.

The one line that matters is where ``logged`` wraps the model. Calls that are refused go through it too.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from flask import Flask, request

import stub_model
from call_log import CallError, Messages, Model, logged, open_log

MODELS: dict[str, frozenset[str]] = {
    "gpt-4o-mini": frozenset(),
    "gpt-4o": frozenset({"ann.smith@example.com", "li.wei@example.com"}),
}
"""Models, and who may use them; nobody named is everybody."""


def guarded(call: Model) -> Model:
    """The same function for those who may use the model."""

    def wrapped(model: str, messages: Messages) -> dict[str, Any]:
        allowed = MODELS.get(model)
        if allowed is None:
            raise CallError(404, "model_not_found")
        if allowed and request.headers.get("X-User") not in allowed:
            raise CallError(403, "permission_denied")
        return call(model, messages)

    return wrapped


def create_app(model: Model = stub_model.answer) -> Flask:
    """The application. It logs calls to the file that the variable AI_LOG names, or to ai.jsonl."""
    app = Flask(__name__)
    log = open_log(Path(os.environ.get("AI_LOG", "ai.jsonl")))
    ask_model = logged(guarded(model), log)

    @app.post("/ask")
    def ask() -> dict[str, Any]:
        body = request.get_json()
        messages = [{"role": "user", "content": str(body["question"])}]
        completion = ask_model(str(body.get("model", "gpt-4o-mini")), messages)
        return {"answer": completion["choices"][0]["message"]["content"]}

    @app.errorhandler(CallError)
    def refuse(error: CallError) -> tuple[dict[str, str], int]:
        return {"error": error.code}, error.status

    return app
