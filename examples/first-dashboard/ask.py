"""Asks the application as its users would: ``python ask.py [URL]``. One of them does not stop."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections import Counter

TURNS = (
    ("ann.smith@example.com", "gpt-4o", "Summarize the contract of Jonas Keller, jonas.keller@example.org."),
    ("li.wei@example.com", "gpt-4o-mini", "Why was card 4111 1111 1111 1111 refused?"),
    ("tom.baker@example.com", "gpt-4o-mini", "Which train goes to Bern at nine?"),
    ("tom.baker@example.com", "gpt-4o", "Write a poem about Bern."),
)
"""Who asks which model what. The last one may not."""
OF_THE_AGENT = ("build-agent@example.com", "gpt-4o-mini", "Is the build green?", 501)
"""Somebody's agent asks this so often."""


def ask(url: str, user: str, model: str, question: str) -> int:
    """The HTTP status of the answer."""
    body = json.dumps({"model": model, "question": question}).encode()
    headers = {"Content-Type": "application/json", "X-User": user, "User-Agent": "ask/1.0"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def main(url: str) -> None:
    """Ask everything, and print how many answers had which status."""
    *turn, times = OF_THE_AGENT
    turns = [*TURNS, *[tuple(turn)] * times]
    print(dict(Counter(ask(url, *turn) for turn in turns)))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:5000/ask")
