"""A log of every call of a model, one line of JSON each: who asked what of which model, what came back, how it ended.

``logged`` wraps the function by which an application calls its model. The lines hold prompts and answers, so the file
is for its owner alone, and veilog stands between it and everything else.
"""

from __future__ import annotations

import functools
import json
import logging
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import request

Messages = list[dict[str, str]]
Model = Callable[[str, Messages], dict[str, Any]]
"""Given a model's name and messages, gives a completion, in the words of OpenAI's API."""


class CallError(Exception):
    """A call that did not succeed.

    Attributes:
        status: the HTTP status that tells why.
        code: the same for programs, as ``rate_limit_exceeded``.
    """

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


def open_log(file: Path) -> logging.Logger:
    """A logger that writes bare lines to a file that nobody but its owner may read. Threads may share it."""
    file.touch()
    file.chmod(0o600)
    handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(message)s"))
    log = logging.getLogger(f"calls of models in {file}")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    return log


def logged(call: Model, log: logging.Logger) -> Model:
    """The same function, with a line in the log for each call, also for one that fails.

    Who asked is taken from the request that Flask is answering. This example believes the header ``X-User``; yours
    takes the name from your login.
    """

    @functools.wraps(call)
    def wrapped(model: str, messages: Messages) -> dict[str, Any]:
        started = time.perf_counter()
        record: dict[str, Any] = {
            "time": datetime.now(UTC).isoformat(),
            "request_id": str(uuid.uuid4()),
            "user": request.headers.get("X-User"),
            "client_ip": request.remote_addr,
            "user_agent": request.user_agent.string,
            "path": "/v1/chat/completions",
            "request": {"model": model, "messages": messages},
        }
        try:
            response = call(model, messages)
            record |= {"status": 200, "response": response}
        except CallError as error:
            record |= {"status": error.status, "response": {"error": {"code": error.code}}}
            raise
        except Exception:
            record |= {"status": 500, "response": {"error": {"code": "internal_error"}}}
            raise
        finally:
            record["latency_ms"] = round((time.perf_counter() - started) * 1000, 3)
            log.info(json.dumps(record))
        return response

    return wrapped
